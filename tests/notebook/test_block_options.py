"""Menus of the block builder: every entry makes a model, and says who has it."""

import pytest

from lib.model.config import ModelConfig, n_params
from lib.model.zoo import MODELS
from lib.notebook.block_options import AS_GIVEN, OPTIONS, built, start_of, who_uses
from lib.notebook.model_choices import families

BASE = ModelConfig(1009, 64, 4, 96, 12, n_kv_heads=3, ff_width=96)
ENTRIES = [(name, entry) for name, options in OPTIONS.items() for entry in options]


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_every_entry_makes_a_model_that_reads_back_as_it(name, entry):
    config = built(BASE, start_of(BASE) | {name: entry})
    assert start_of(config)[name] == entry


@pytest.mark.parametrize("name", MODELS)
def test_starting_from_a_model_changes_nothing(name):
    assert built(MODELS[name], start_of(MODELS[name])) == MODELS[name]


def test_what_a_model_starts_with():
    start = start_of(MODELS["Gemma 2 2B"])
    assert list(start.values())[:6] == [
        "before and after (sandwich)",
        "RMSNorm",
        "RoPE",
        "GQA",
        "none",
        "window in 1 of 2 layers",
    ]
    assert (start["feed-forward"], start["score cap"], start["biases"]) == ("GeGLU", "50", "none")


def test_what_no_menu_offers_stays_as_given():
    start = start_of(ModelConfig(7, 8, 2, 12, 6, attention_softcap=17.0))
    assert start["score cap"] == AS_GIVEN and start["norm"] == "RMSNorm"


def test_without_a_gate_the_parameters_stay():
    without = built(BASE, {"feed-forward": "ReLU"})
    assert (without.ffn, without.ff_width) == ("relu", 144)
    assert n_params(without) == n_params(BASE)


def test_heads_by_hand():
    assert [built(BASE, {"heads": h}).n_kv_heads for h in ("MHA", "GQA", "MQA")] == [12, 3, 1]
    many = ModelConfig(7, 8, 2, 16, 8)
    assert built(many, {"heads": "GQA"}).n_kv_heads == 2


def test_who_uses_what():
    assert who_uses(OPTIONS["positions"]["ALiBi"]).startswith(f"1 of {len(families())} model")
    assert who_uses(OPTIONS["score cap"]["50"]).endswith("first in 2024: Gemma 2.")
    assert who_uses(OPTIONS["norms stand"]["on the stream (post-norm)"]).startswith("None of the")
    assert who_uses(OPTIONS["attention gate"]["sigmoid"]) == "The table does not tell who does."
    makers = who_uses(OPTIONS["norm"]["RMSNorm"]).split(": ")[1].split(", ")
    assert len(makers) == 3  # not three of one maker
