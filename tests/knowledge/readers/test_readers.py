"""Each reader against the conformance suite, and what is particular to each."""

import io
from functools import cache

import docx
import pytest

from afina.contracts import Reader
from afina.errors import UnreadableDocument
from afina.knowledge.readers import csv, html, jsonl, markdown, pdf, text
from afina.knowledge.readers import docx as docx_reader
from afina.testing.reader_suite import ReaderConformance


class TestText(ReaderConformance):
    name = "a.txt"
    expected = ("Title", "first line", "second")

    @pytest.fixture
    def reader(self) -> Reader:
        return text.read

    @pytest.fixture
    def sample(self) -> bytes:
        return b"Title\r\n\r\nfirst line\r\nsecond"


class TestMarkdown(ReaderConformance):
    name = "a.md"
    expected = ("Intro", "code", "Dos")
    headings = ("Uno", "Dos y tres", "Setext")

    @pytest.fixture
    def reader(self) -> Reader:
        return markdown.read

    @pytest.fixture
    def sample(self) -> bytes:
        front = b"---\ntitle: Said\n---\n"
        return front + b"# Uno\n\nIntro\n\n```\n# code\n```\n\n## Dos y tres ##\n\nmore\n\nSetext\n---\nend"

    def test_titles_and_marks(self, sample: bytes) -> None:
        assert markdown.read(sample, "a.md").title == "Said"
        assert markdown.read(b"x\n\n# A *b* `c`", "a.md").headings == ((3, 1, "A b c"),)


class TestHtml(ReaderConformance):
    name = "a.html"
    expected = ("Big title", "A paragraph of text.", "one | two", "item")
    headings = ("Big title", "Small")

    @pytest.fixture
    def reader(self) -> Reader:
        return html.read

    @pytest.fixture
    def sample(self) -> bytes:
        return (
            b"<html lang=en><head><title>T</title><style>p{}</style></head><body><nav>menu</nav>"
            b"<h1>Big <b>title</b></h1>"
            b"<p>A paragraph\n of <i>text</i>.</p><script>alert(1)</script><p hidden>secret</p><h2>Small</h2>"
            b"<table><tr><td>one</td><td>two</td></tr></table><ul><li>item</ul></body></html>"
        )

    def test_only_what_is_seen(self, sample: bytes) -> None:
        parsed = html.read(sample, "a.html")
        assert parsed.title == "T"
        assert not any(word in parsed.text for word in ("alert", "secret", "menu", "p{}"))


class TestCsv(ReaderConformance):
    name = "a.csv"
    expected = ("name: Ana", "city: Lugo", "name: Bo")

    @pytest.fixture
    def reader(self) -> Reader:
        return csv.read

    @pytest.fixture
    def sample(self) -> bytes:
        return b'name;city\nAna;"Lugo"\nBo;Vigo\n'


class TestJsonl(ReaderConformance):
    name = "a.jsonl"
    expected = ("First", "plain words", "tags: a", "price.eur: 3")
    headings = ("First",)

    @pytest.fixture
    def reader(self) -> Reader:
        return jsonl.read

    @pytest.fixture
    def sample(self) -> bytes:
        return b'{"title": "First", "text": "plain words"}\n\n{"tags": ["a", "b"], "price": {"eur": 3}}\n'

    def test_the_line_at_fault_is_named(self) -> None:
        with pytest.raises(UnreadableDocument, match="line 2"):
            jsonl.read(b"{}\n{oops\n", "a.jsonl")


class TestDocx(ReaderConformance):
    name = "a.docx"
    expected = ("Report", "First paragraph", "left | right", "After the table")
    headings = ("Report", "Part")

    @pytest.fixture
    def reader(self) -> Reader:
        return docx_reader.read

    @pytest.fixture
    def sample(self) -> bytes:
        return docx_sample()


class TestPdf(ReaderConformance):
    name = "a.pdf"
    expected = ("Hello first page", "Hello second page")
    pages = 2

    @pytest.fixture
    def reader(self) -> Reader:
        return pdf.read

    @pytest.fixture
    def sample(self) -> bytes:
        return pdf_sample("Hello first page", "Hello second page")

    def test_a_page_without_text_needs_ocr(self) -> None:
        with pytest.raises(UnreadableDocument, match="page 1: there is no text"):
            pdf.read(pdf_sample(""), "a.pdf")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32"])
def test_encodings_are_told(encoding: str) -> None:
    words = "El señor Muñoz pagó 3 € por la canción."
    assert text.read(words.encode(encoding), "a.txt").text == words


def test_declared_encodings_are_heard() -> None:
    page = '<html><head><meta charset="iso-8859-7"></head><body>Αθήνα</body></html>'
    assert "Αθήνα" in html.read(page.encode("iso-8859-7"), "a.html").text


def test_binary_is_no_text() -> None:
    with pytest.raises(UnreadableDocument, match="no text"):
        text.read(bytes(range(32)) * 50, "a.txt")


@cache
def docx_sample() -> bytes:
    document = docx.Document()
    document.add_heading("Report", level=1)
    document.add_paragraph("First paragraph")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "left", "right"
    document.add_heading("Part", level=2)
    document.add_paragraph("After the table")
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


def pdf_sample(*pages: str) -> bytes:
    """A PDF by hand, one line of Helvetica a page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, words in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({words}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    return (body + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}" + trailer).encode()
