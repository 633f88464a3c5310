"""What every document reader must do, as tests. Subclass `ReaderConformance`; fixtures `reader` and `sample`."""

import random

import pytest

from afina.contracts import Reader
from afina.domain.document import Parsed
from afina.errors import UnreadableDocument


class ReaderConformance:
    """A reader turns bytes of one format into text with offsets, or says why not; nothing else may happen.

    name: a file name of its format. expected: words that stand in the sample's text, in this order.
    headings: the heading texts of the sample; pages: how many pages it has (0: the format has none).
    """

    name = "sample.txt"
    expected: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    pages = 0

    @pytest.fixture
    def reader(self) -> Reader:
        raise NotImplementedError("give the suite a reader")

    @pytest.fixture
    def sample(self) -> bytes:
        raise NotImplementedError("give the suite a good file of the format")

    def test_the_text_is_there_in_order(self, reader: Reader, sample: bytes) -> None:
        text, place = reader(sample, self.name).text, 0
        for words in self.expected:
            assert words in text[place:], words
            place = text.index(words, place) + len(words)

    def test_headings_stand_where_they_say(self, reader: Reader, sample: bytes) -> None:
        parsed = reader(sample, self.name)
        assert tuple(heading for _, _, heading in parsed.headings) == self.headings
        for start, level, heading in parsed.headings:
            assert level >= 1
            assert heading in parsed.text[start : start + len(heading) + 20]

    def test_pages_are_in_order(self, reader: Reader, sample: bytes) -> None:
        parsed = reader(sample, self.name)
        assert len(parsed.pages) == self.pages
        _check(parsed)

    def test_it_is_pure(self, reader: Reader, sample: bytes) -> None:
        kept = bytes(sample)
        assert reader(sample, self.name) == reader(sample, self.name)
        assert sample == kept

    def test_nothing_is_unreadable_or_empty(self, reader: Reader) -> None:
        self._bears(reader, b"")

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
    def test_a_cut_off_file_is_read_or_refused(self, reader: Reader, sample: bytes, share: float) -> None:
        self._bears(reader, sample[: int(len(sample) * share)])

    @pytest.mark.parametrize("seed", range(8))
    def test_a_damaged_file_is_read_or_refused(self, reader: Reader, sample: bytes, seed: int) -> None:
        random_ = random.Random(seed)
        damaged = bytearray(sample)
        for _ in range(16):
            damaged[random_.randrange(len(damaged))] = random_.randrange(256)
        self._bears(reader, bytes(damaged))

    def test_noise_is_read_or_refused(self, reader: Reader) -> None:
        self._bears(reader, random.Random(0).randbytes(4096))

    def _bears(self, reader: Reader, data: bytes) -> None:
        try:
            parsed = reader(data, self.name)
        except UnreadableDocument:
            return
        _check(parsed)


def _check(parsed: Parsed) -> None:
    """Offsets lie in the text and in order; the text can be stored."""
    assert list(parsed.pages) == sorted(parsed.pages)
    assert all(0 <= at <= len(parsed.text) for at in parsed.pages)
    starts = [start for start, _, _ in parsed.headings]
    assert starts == sorted(starts)
    assert all(0 <= at <= len(parsed.text) for at in starts)
    parsed.text.encode()
