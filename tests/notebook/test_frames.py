"""Precomputed pictures on a slider: what the page holds, with scripts and without."""

import itertools
import json
import re

import matplotlib.pyplot as plt
import pytest

from lib.notebook import frames as module
from lib.notebook.frames import frames


@pytest.fixture(autouse=True)
def fresh_kernel():
    module._shown_before.clear()
    yield
    plt.close("all")


def data_of(shown):
    """What the script element carries."""
    data = json.loads(re.search(r"captions } = (\{.*\});", shown.html)[1])
    whole = ["\n".join(data["lines"][n] for n in picture) for picture in data["pictures"]]
    return {**data, "pictures": whole}


def without_scripts(shown):
    """What is left by a sanitizer: GitHub's, or JupyterLab's before a notebook is trusted."""
    return re.sub(r"<script>.*?</script>", "", shown.html, flags=re.DOTALL)


def squares(n):
    return f"<b>{n * n}</b>"


def test_every_state_has_its_picture_and_caption():
    shown = frames([2, 3, 5], squares, label=lambda n: f"{n} squared", alt="Squares.")
    data = data_of(shown)
    assert [data["pictures"][i] for i in data["order"]] == ["<b>4</b>", "<b>9</b>", "<b>25</b>"]
    assert data["captions"] == ["2 squared", "3 squared", "5 squared"]


def test_without_scripts_only_the_last_picture_is_there():
    plain = without_scripts(frames([2, 3, 5], squares, label="square", alt="Squares."))
    assert "<b>25</b>" in plain and "square 3 of 3" in plain
    assert "<b>9</b>" not in plain and "<button" not in plain and "<input" not in plain


def test_equal_pictures_are_stored_once():
    data = data_of(frames([3, -3, 2, 3], squares, label="n", alt="Squares."))
    assert data["pictures"] == ["<b>9</b>", "<b>4</b>"]
    assert data["order"] == [0, 0, 1, 0]


def test_lines_that_pictures_share_are_stored_once():
    def draw(n):
        return "\n".join(["<pre>", *("one line" for _ in range(500)), str(n), "</pre>"])

    shown = frames(range(9), draw, label="n", alt="Nearly equal.")
    assert [p.split("\n")[-2] for p in data_of(shown)["pictures"]] == [str(n) for n in range(9)]
    data = shown.html.partition("<script>")[2]
    assert data.count("one line") == 1


def test_figures_get_an_alt_text_of_their_own():
    def draw(n):
        return plt.subplots(figsize=(1, 1))[1]

    shown = frames([1, 2], draw, label="wave", alt="A wave.")
    assert 'alt="A wave. wave 2 of 2"' in without_scripts(shown)
    assert plt.get_fignums() == []  # closed, or the cell would show it again


def test_the_same_notebook_run_twice_gives_the_same_bytes():
    def notebook():
        module._shown_before.clear()
        return [frames([1, 2], squares, label=word, alt="Squares.").html for word in "aab"]

    first, second = notebook(), notebook()
    assert first == second
    ids = [re.search(r'id="([^"]+)"', html)[1] for html in first]
    assert len(set(ids)) == 3  # equal sliders on one page do not clash


@pytest.mark.parametrize(
    "nasty", ["</script><b>out</b>", "<!-- <script>", "[[DATA]] [[PICTURE]]", "\\1"]
)
def test_pictures_cannot_leave_their_place(nasty):
    shown = frames(["x", "y"], lambda s: nasty + s, label=lambda s: nasty, alt=nasty)
    assert shown.html.count("</script>") == 1 + nasty.count(
        "</script>"
    )  # the open picture is as it is
    assert data_of(shown)["pictures"] == [nasty + "x", nasty + "y"]


def test_a_text_stands_in_for_the_page():
    shown = frames([1, 2], squares, label="square", alt="Squares.")
    assert repr(shown) == "Squares. square 2 of 2 (the last of 2 pictures)"


def test_too_many_states_are_refused_without_drawing_them():
    with pytest.raises(ValueError, match="More than 200 states"):
        frames(itertools.count(), squares, label="n", alt="Endless.")
    assert len(data_of(frames(range(200), squares, label="n", alt="Just enough."))["order"]) == 200


def test_too_many_bytes_and_no_state_are_refused():
    with pytest.raises(ValueError, match=r"take 4\d\d,\d\d\d bytes"):
        frames([1, 2], lambda n: str(n) * 210_000, label="n", alt="Big.")
    with pytest.raises(ValueError, match="no states"):
        frames([], squares, label="n", alt="Nothing.")


def test_an_error_names_its_state():
    with pytest.raises(ZeroDivisionError) as caught:
        frames([1, 0], lambda n: str(1 / n), label=lambda n: f"n = {n}", alt="Inverse.")
    assert "'n = 0'" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match=r"returned a NoneType.*forgotten `return`"):
        frames([1], lambda n: None, label="n", alt="Nothing.")
