"""The experiment of Lecture 3: what differs, what is equal, and a record that goes on."""

from dataclasses import replace

import pytest

from lib.corpora.tales import Tales
from lib.model.config import ModelConfig, n_params, params_by_part
from lib.training import one_change
from lib.training.comparison import Recipe
from lib.training.one_change import main, missing, original, recorded, shapes, variants
from lib.training.small_text import small_text


def test_every_variant_is_one_change():
    base = original()
    found = variants(base)
    assert found.pop("original") == base
    for name, config in found.items():
        differ = {k for k in vars(base) if getattr(base, k) != getattr(config, k)}
        assert len(differ - {"ff_width"}) == 1, name
        assert (
            n_params(config) == pytest.approx(n_params(base), rel=0.001) or name == "one key head"
        )
    assert n_params(found["ReLU"]) == n_params(base)


def test_shapes_have_equal_blocks():
    base = original()
    blocks = {
        name: params_by_part(config)["attention"] + params_by_part(config)["ffn"]
        for name, config in (shapes(base) | {"3 × 64": base}).items()
    }
    assert max(blocks.values()) < 1.02 * min(blocks.values())
    for name, config in shapes(base).items():
        assert name == f"{config.n_layers} × {config.width}"
        assert config.n_heads * config.head_width == config.width


def test_a_stopped_record_goes_on(tmp_path, monkeypatch):
    text = small_text(Tales(0, n_documents=20), Tales(1, n_documents=5), vocab_size=300)
    tiny = ModelConfig(text.vocab_size, 8, 1, 16, 1, ff_width=16, positions="rope_half")
    monkeypatch.setattr(one_change, "text_of_docs", lambda: text)
    monkeypatch.setattr(one_change, "original", lambda: tiny)
    names = ("original", "GELU")
    monkeypatch.setattr(one_change, "variants", lambda base: dict.fromkeys(names, base))
    monkeypatch.setattr(one_change, "shapes", lambda base: {"c": replace(base, n_layers=2)})
    path, recipe = tmp_path / "deep" / "one_change.csv", Recipe(n_steps=2, batch=2, warmup=1)
    slower = replace(recipe, lr=0.001)
    main(path, recipe, slower)
    whole = path.read_text(encoding="utf-8")
    found, at_other_rate = recorded(path, recipe), recorded(path, slower)
    assert {name: len(losses) for name, losses in found.items()} == {
        "original": 3,
        "GELU": 3,
        "c": 1,
    }
    assert found["original"] == found["GELU"]  # here the same model, on the same batches
    assert set(at_other_rate) == set(names) and at_other_rate["GELU"] != found["GELU"][:1]
    path.write_text("".join(whole.splitlines(keepends=True)[:4]), encoding="utf-8")
    still = [(name, seed, chosen.lr) for name, _, seed, chosen in missing(path, recipe, slower)]
    assert still[:2] == [("original", 0, 0.001), ("GELU", 0, 0.001)]
    assert [seed for _, seed, _ in still] == [0, 0, 1, 1, 2, 2]
    main(path, recipe, slower)
    assert path.read_text(encoding="utf-8") == whole


def test_the_shipped_record_has_every_variant_and_nothing_else():
    found, known = set(recorded()), set(variants(original()))
    assert known <= found <= known | set(shapes(original()))  # it may lack shapes and seeds
