"""The transformers engine on a tiny random Llama: the contract, batches, adapters, probabilities, refusals."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("transformers")

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from afina.contracts import Engine, Place, Prompt
from afina.domain.answer import Logprobs
from afina.domain.ask import Sampling
from afina.domain.message import Message
from afina.engines.transformers import Options, TransformersEngine, build
from afina.errors import BrokenArtefact, ConfigError, NotFound
from afina.testing.engine_suite import EngineConformance, answered, asking, pieces_of, run
from afina.testing.tiny import write_tiny_adapter, write_tiny_model

ASKED = "Count from one to twelve in words."


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_adapter(base, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="module")
def tiny(base: Path, adapter: Path) -> Engine:
    def folder_of(digest: str) -> Path:
        if digest == "ada":
            return adapter
        raise NotFound(f'no adapter is called "{digest}"')

    return build(Options(), Place(base, None, folder_of, base.parent))


def place_of(base: Path | None) -> Place:
    return Place(base, None, Path, Path("/nonexistent"))


class TestConforms(EngineConformance):
    long_tokens = 300

    @pytest.fixture
    def engine(self, tiny: Engine) -> Engine:
        return tiny


def test_greedy_and_scores_equal_transformers_own(tiny: Engine, base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    messages = [{"role": "user", "content": ASKED}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    expected = model.generate(ids, max_new_tokens=16, do_sample=False)[0, ids.shape[1] :]
    prompt = asking(ASKED)
    answer = run(answered(tiny, prompt))
    assert answer.text == tokenizer.decode(expected, skip_special_tokens=True)
    scored = run(tiny.score([(prompt.messages, answer.text)]))[0]
    assert scored.prompt_ids == tuple(ids[0].tolist())
    whole = torch.tensor([[*scored.prompt_ids, *scored.ids]])
    logits = model(whole).logits[0, ids.shape[1] - 1 : -1]
    own = torch.log_softmax(logits, -1).gather(1, torch.tensor(scored.ids)[:, None])[:, 0]
    torch.testing.assert_close(torch.tensor(scored.logprobs), own, atol=1e-4, rtol=0)
    top = logits.topk(2).values
    torch.testing.assert_close(torch.tensor(scored.gaps), top[:, 0] - top[:, 1], atol=1e-4, rtol=0)


def test_an_adapter_answers_as_peft_does_and_leaves_the_base_alone(tiny: Engine, base: Path, adapter: Path) -> None:
    before = run(answered(tiny, asking(ASKED))).text
    tuned = run(answered(tiny, Prompt(asking(ASKED).messages, Sampling(max_tokens=16), adapter="ada"))).text
    assert tuned != before == run(answered(tiny, asking(ASKED))).text
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter)
    messages = [{"role": "user", "content": ASKED}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    expected = model.generate(input_ids=ids, max_new_tokens=16, do_sample=False)[0, ids.shape[1] :]
    assert tuned == tokenizer.decode(expected, skip_special_tokens=True)


def test_base_and_adapter_side_by_side(tiny: Engine) -> None:
    prompts = [
        Prompt(asking(f"{ASKED} {n}").messages, Sampling(max_tokens=12), a) for n in range(6) for a in (None, "ada")
    ]

    async def together() -> list[str]:
        return [a.text for a in await asyncio.gather(*(answered(tiny, p) for p in prompts))]

    assert run(together()) == [run(answered(tiny, p)).text for p in prompts]


def test_a_request_joins_while_a_long_one_runs(tiny: Engine) -> None:
    async def order() -> list[str]:
        ended: list[str] = []

        async def one(name: str, prompt: Prompt) -> None:
            await answered(tiny, prompt)
            ended.append(name)

        long = asyncio.create_task(one("long", asking("Tell a story.", max_tokens=300)))
        await asyncio.sleep(0.1)
        await one("short", asking(ASKED, max_tokens=4))
        await long
        return ended

    assert run(order()) == ["short", "long"]


def test_penalties_and_top_p_are_obeyed(tiny: Engine) -> None:
    plain = run(answered(tiny, asking(ASKED, max_tokens=40, logprobs=True)))
    spread = run(
        answered(tiny, asking(ASKED, max_tokens=40, logprobs=True, frequency_penalty=2.0, presence_penalty=2.0))
    )
    assert len({t.token for t in spread.logprobs}) > len({t.token for t in plain.logprobs})
    narrow = run(answered(tiny, asking(ASKED, temperature=1.5, top_p=1e-9, seed=3)))
    assert narrow.text == run(answered(tiny, asking(ASKED))).text


def test_seeds_differ_and_choices_differ(tiny: Engine) -> None:
    texts = {run(answered(tiny, asking(ASKED, temperature=1.0, seed=seed))).text for seed in range(4)}
    assert len(texts) == 4
    pieces = run(pieces_of(tiny, asking(ASKED, temperature=1.0, seed=1, n=3)))
    by_choice = ["".join(getattr(p, "text", "") for p in pieces if p.choice == c) for c in range(3)]
    assert len(set(by_choice)) == 3


def test_alternatives_are_the_best_ones(tiny: Engine) -> None:
    pieces = run(pieces_of(tiny, asking(ASKED, logprobs=True, top_logprobs=20)))
    tokens = [t for p in pieces if isinstance(p, Logprobs) for t in p.tokens]
    assert all(t.logprob == pytest.approx(t.top[0][1], abs=1e-5) for t in tokens)
    assert all(sum(2.718281828**value for _, value in t.top) < 1.0001 for t in tokens)


def test_code_in_a_model_is_refused_before_loading(base: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    shutil.copytree(base, evil)
    config = json.loads((evil / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Evil"}
    (evil / "config.json").write_text(json.dumps(config))
    (evil / "evil.py").write_text("raise SystemExit('code of a model ran')")
    with pytest.raises(BrokenArtefact, match="auto_map"):
        build(Options(), place_of(evil))


def test_pickled_weights_are_refused(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(base, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BrokenArtefact, match="safetensors"):
        build(Options(), place_of(folder))


def test_an_adapter_that_does_not_fit_is_refused(tiny: Engine, adapter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "misfit"
    shutil.copytree(adapter, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["target_modules"] = ["q_proj", "v_proj"]  # its tensors for down_proj would silently be unused
    (folder / "adapter_config.json").write_text(json.dumps(config))
    engine = build(Options(model=str(tiny_folder(tiny))), Place(None, None, lambda digest: folder, tmp_path))
    with pytest.raises(BrokenArtefact, match="no place"):
        run(answered(engine, Prompt(asking(ASKED).messages, adapter="misfit")))
    assert run(answered(engine, asking(ASKED))).finish
    run(engine.close())


def tiny_folder(engine: Engine) -> Path:
    assert isinstance(engine, TransformersEngine)
    return Path(engine._model.model.name_or_path)


def test_old_adapters_leave_memory_and_come_back(base: Path, tmp_path: Path) -> None:
    folders = {f"a{n}": write_tiny_adapter(base, tmp_path / f"a{n}", seed=n + 5) for n in range(3)}
    engine = build(Options(adapters=2), Place(base, None, folders.__getitem__, tmp_path))
    prompts = [Prompt(asking(ASKED).messages, Sampling(max_tokens=8), adapter=name) for name in folders]
    first = [run(answered(engine, p)).text for p in prompts]
    assert first == [run(answered(engine, p)).text for p in prompts]
    assert len(set(first)) > 1
    run(engine.close())


def test_no_model_and_no_such_model_are_config_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="set model"):
        build(Options(), place_of(None))


def test_a_closed_engine_says_so(base: Path) -> None:
    engine = build(Options(), place_of(base))
    run(engine.close())
    with pytest.raises(Exception, match="closed"):
        run(answered(engine, asking(ASKED)))


def test_the_digest_names_the_files(base: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(base, copy)
    first = build(Options(), place_of(base)).card.base
    assert build(Options(model=str(copy)), place_of(None)).card.base == first
    (copy / "extra.txt").write_text("more")
    assert build(Options(model=str(copy)), place_of(None)).card.base != first


def test_messages_reach_the_template(tiny: Engine) -> None:
    one = (Message("user", "a"),)
    assert tiny.count((Message("system", "s"), *one)) > tiny.count(one)
    assert tiny.count((Message("developer", "s"), *one)) == tiny.count((Message("system", "s"), *one))
