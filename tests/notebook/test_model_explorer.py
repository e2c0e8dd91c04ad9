"""The explorer carries the table, and its picture shows the same points."""

import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.notebook.facts import fact, facts
from lib.notebook.model_choices import RULES
from lib.notebook.model_explorer import model_explorer, model_scatter
from lib.notebook.model_numbers import QUANTITIES


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_page_carries_every_model_and_a_picture():
    shown = model_explorer("width", "layers", "position", label=["GPT-2 XL"])
    plain = re.sub(r"<script>.*?</script>", "", shown.html, flags=re.DOTALL)
    assert "<img alt=" in plain and "<select" not in plain
    data = json.loads(re.search(r"label, card } = (\{.*\});", shown.html)[1])
    n = len(facts("models"))
    assert len(data["names"]) == n
    assert list(data["numbers"]) == list(QUANTITIES) and list(data["answers"]) == list(RULES)
    assert all(
        len(column) == n for kind in ("numbers", "answers") for column in data[kind].values()
    )
    bloom = data["names"].index("BLOOM 176B")
    assert data["numbers"]["width / layers"][bloom] == 204.8
    assert data["answers"]["position"][bloom] == "ALiBi"
    assert data["start"] == {"x": "width", "y": "layers", "colour": "position"}
    assert len(shown.html) < 150_000


def test_a_wrong_axis_is_an_error():
    with pytest.raises(LookupError, match="no quantity 'size'"):
        model_explorer("size")


def test_every_model_with_both_numbers_is_a_point():
    ax = model_scatter("layers", "training tokens", "norm", title="t", alt="a", label=["OLMo 1 7B"])
    drawn = {tuple(point) for line in ax.lines for point in line.get_xydata().tolist()}
    known = [(r["layers"], r["tokens"]) for r in facts("models") if r["layers"] and r["tokens"]]
    assert {point for point in drawn if np.isfinite(point).all()} == set(known)
    n_missing = len(facts("models")) - len(known)
    assert f"({n_missing} models without" in ax.get_xlabel()
    assert [text.get_text() for text in ax.texts] == ["OLMo 1 7B"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")


def test_years_narrow_the_picture():
    ax = model_scatter("width", "heads", "block", title="t", alt="a", years=(2020, 2020))
    of_2020 = {(r["width"], r["heads"]) for r in facts("models", year=2020)}
    assert {tuple(p) for line in ax.lines for p in line.get_xydata().tolist()} == of_2020
    assert [text.get_text() for text in ax.texts] == ["GPT-3 175B"]
    assert fact("models", name="GPT-3 175B")["year"] == 2020
