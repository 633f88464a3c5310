"""afina.toml: defaults, unknown keys with the nearest name and the line, the environment on top."""

from pathlib import Path

import pytest

from afina.config import FILE, Config, line_of, load
from afina.errors import ConfigError


def loaded(tmp_path: Path, text: str, **environ: str) -> Config:
    (tmp_path / FILE).write_text(text)
    return load(tmp_path / FILE, environ)


def test_an_absent_and_an_empty_file_serve_the_bundled_model(tmp_path: Path) -> None:
    for config in (load(tmp_path / "none.toml"), loaded(tmp_path, "")):
        name, used = config.engine()
        assert (name, used.use, config.model_of(name)) == ("local", "openvino", "bundled-135m")
        assert config.collection("docs").embedder_used.use == "minilm"
        assert (config.serve.host, config.serve.port) == ("127.0.0.1", 8000)


def test_a_whole_file(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        [workspace]
        name = "norte"
        engine = "big"
        [engines.big]
        use = "openai"
        url = "http://localhost:1/v1"
        model = "m"
        [collections.law]
        embedder = { use = "openai", url = "http://localhost:2" }
        split = { max_tokens = 99 }
        [recipes.support]
        gather = [{ use = "prompt", instructions = "Be kind." }, { use = "knowledge", top_k = 3 }]
        sampling = { max_tokens = 64 }
        """,
    )
    assert config.engine()[1].options == {"url": "http://localhost:1/v1", "model": "m"}
    assert config.engine_names == ["big", "local"]
    assert config.collection("law").embedder_used.options == {"url": "http://localhost:2"}
    recipe = config.recipe("support")
    assert recipe is not None
    assert recipe.engine == "big"
    assert [(s.use, dict(s.options)) for s in recipe.gather] == [
        ("prompt", {"instructions": "Be kind."}),
        ("knowledge", {"top_k": 3}),
    ]
    assert config.recipe("other") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[serve]\nhost = 'x'\nprot = 1\n", '.*line 3: "prot" is not a key of .serve.; did you mean "port"'),
        ("\n[engine.local]\nuse = 'x'\n", '.*line 2: "engine" is not a key of the file; did you mean "engines"'),
        ("[recipes.a]\n# c\ngathr = []\n", '.*line 3: "gathr" is not a key of .recipes.a.; did you mean "gather"'),
        ("[recipes.a]\ngather = [\n {use='x'},\n {top_k=2},\n]\n", '.*line 2: .recipes.a.gather.1. must have "use"'),
        ("[serve]\nport = 70000\n", '.*line 2: "port" of .serve. is 70000: input should be less than'),
        ("[serve]\nport = \n", "afina.toml is not TOML: .*line 2"),
        ("[workspace]\nengine = 'locla'\n", 'no engine is called "locla"; did you mean "local"'),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, text)


def test_bytes_that_are_no_text_are_a_config_error(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="byte 5 is not UTF-8"):
        load(tmp_path / FILE)


def test_the_environment_overrides_and_is_checked_like_the_file(tmp_path: Path) -> None:
    config = loaded(
        tmp_path, "[serve]\nport = 1\n", AFINA__SERVE__PORT="9000", AFINA__ENGINES__BIG__USE="openai", PATH="x"
    )
    assert config.serve.port == 9000
    assert config.engine("big")[1].use == "openai"
    with pytest.raises(ConfigError, match=r'environment variable AFINA__SERVE__PROT: "prot" is not a key .*"port"'):
        loaded(tmp_path, "", AFINA__SERVE__PROT="1")


def test_line_of_finds_dotted_keys_and_falls_back_to_the_parent() -> None:
    text = '[a]\nx.y = 1\n\n[b."c d"]\nz = 2\n'
    assert line_of(text, ("a", "x", "y")) == 2
    assert line_of(text, ("b", "c d", "z")) == 5
    assert line_of(text, ("b", "c d", "missing")) == 4


def test_costs_keep_what_is_set_by_the_names_of_the_rates(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").costs.rates == {}
    costs = loaded(tmp_path, "[costs]\ngrid_g_per_kwh = 56\ncpu_hour_price = 0.04\ncurrency = 'EUR'\n").costs
    assert costs.rates == {"grid_g_per_kwh": 56, "cpu_hour_price": 0.04}
    assert costs.currency == "EUR"
    whole = loaded(tmp_path, "[costs]\nwatts_per_core = 5.5\namortised_over = 100\n", AFINA__COSTS__CPU_HOUR_PRICE="1")
    assert whole.costs.rates == {"watts_per_core": 5.5, "amortised_over": 100, "cpu_hour_price": 1}


@pytest.mark.parametrize("key", ["watts_per_core", "grid_g_per_kwh", "amortised_over", "cpu_hour_price"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "'much'"])
def test_costs_are_numbers_above_0(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f'line 2: "{key}" of .costs. is '):
        loaded(tmp_path, f"[costs]\n{key} = {value}\n")


def test_a_key_of_costs_is_named_and_a_currency_is_short(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'"watts" is not a key of .costs.; did you mean "watts_per_core"'):
        loaded(tmp_path, "[costs]\nwatts = 1\n")
    with pytest.raises(ConfigError, match=r'"currency" of .costs. is '):
        loaded(tmp_path, "[costs]\ncurrency = 'of the realm'\n")
