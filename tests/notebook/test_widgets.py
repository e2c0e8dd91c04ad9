"""Live drawings: which control a choice becomes, what moving does, what stays without a kernel."""

import ipywidgets
import matplotlib.pyplot as plt
import pytest

from lib.notebook import widgets as module
from lib.notebook.widgets import live


def say(**values):
    return f"<i>{values}</i>"


@pytest.mark.parametrize(
    ("choice", "kind", "value"),
    [
        ((1, 9), ipywidgets.IntSlider, 5),
        ((0, 7, 3), ipywidgets.IntSlider, 3),
        ([0.1, 0.3, 1.0], ipywidgets.SelectionSlider, 0.1),
        (["sin", "cos"], ipywidgets.Dropdown, "sin"),
        ({"two": 2, "three": 3}, ipywidgets.Dropdown, 2),
        ("the cat", ipywidgets.Text, "the cat"),
        (True, ipywidgets.Checkbox, True),
    ],
)
def test_a_choice_becomes_a_labelled_control(choice, kind, value):
    control = live(say, my_choice=choice).controls["my_choice"]
    assert type(control) is kind
    assert control.value == value
    assert control.description == "my choice"


def test_a_widget_stays_what_it_is():
    mine = ipywidgets.Play()
    assert live(say, step=mine).controls["step"] is mine


def test_the_default_of_draw_is_where_a_control_starts():
    def draw(n=4, name="b", on=False, text="own"):
        return f"{n} {name} {on} {text}"

    assert (
        live(draw, n=(0, 10, 2), name=["a", "b"], on=True, text="x").picture.value == "4 b False x"
    )


def test_moving_a_control_redraws():
    shown = live(lambda n, word: f"{word * n}", n=(1, 5), word="ab")
    assert shown.picture.value == "ababab"
    shown.controls["n"].value = 2
    assert shown.picture.value == "abab"
    shown.controls["word"].value = "c"
    assert shown.picture.value == "cc"


def test_figures_become_images_and_are_closed():
    def draw(n=3):
        ax = plt.subplots(figsize=(1, 1))[1]
        ax.plot(range(n))
        return ax

    shown = live(draw, n=(2, 5))
    before = shown.picture.value
    assert 'alt="Drawn for n = 3."' in before
    shown.controls["n"].value = 5
    assert 'alt="Drawn for n = 5."' in shown.picture.value != before
    assert plt.get_fignums() == []


def test_an_error_is_said_where_the_picture_was_and_goes_away():
    shown = live(lambda n=1: f"{1 / n}", n=[1, 0, 2])
    shown.controls["n"].value = 0
    assert 'role="alert"' in shown.picture.value
    assert "<b>ZeroDivisionError</b> for n = 0: division by zero" in shown.picture.value
    shown.controls["n"].value = 2
    assert shown.picture.value == "0.5"


def test_an_error_of_the_first_drawing_fails_the_cell():
    with pytest.raises(ZeroDivisionError):
        live(lambda n=0: f"{1 / n}", n=[0, 1])


def test_pages_without_a_kernel_get_the_first_picture():
    shown = live(lambda text, size: f"<b>{size}</b>", text="a<b", size={"small": object})
    bundle = shown._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"].startswith("<b><class 'object'></b>")
    assert "Drawn for text = &#x27;a&lt;b&#x27;, size = small." in bundle["text/html"]
    assert bundle["text/plain"] == "[Live drawing with text, size: run the cell to move it.]"


def test_the_static_picture_is_not_moved():
    shown = live(lambda n: str(n), n=(1, 3))
    before = shown._repr_mimebundle_()["text/html"]
    shown.controls["n"].value = 3
    assert shown._repr_mimebundle_()["text/html"] == before


@pytest.mark.parametrize(("limit", "follows"), [(60, True), (0, False)])
def test_only_quick_drawings_follow_every_movement(monkeypatch, limit, follows):
    monkeypatch.setattr(module, "AT_ONCE", limit)
    shown = live(say, n=(1, 3), words="text")
    assert [control.continuous_update for control in shown.controls.values()] == [follows] * 2


@pytest.mark.parametrize(
    ("choice", "error", "message"),
    [
        ((0.0, 1.0), TypeError, r"x=\[0\.1, 0\.2, 0\.5\]"),
        ((1, 2, 3, 4), TypeError, "low, high, step"),
        ((5, 1), ValueError, "low < high"),
        ([], TypeError, "is no control"),
        (3, TypeError, "is no control"),
    ],
)
def test_what_is_no_control_is_refused_with_a_way_out(choice, error, message):
    with pytest.raises(error, match=message):
        live(say, x=choice)


def test_a_default_outside_the_choices_is_refused():
    with pytest.raises(ValueError, match="starts at 7"):
        live(lambda n=7: str(n), n=[1, 2])
    with pytest.raises(ValueError, match="starts at 7"):
        live(lambda n=7: str(n), n=(0, 10, 2))


def test_no_output_widget_is_involved():
    assert not any(isinstance(child, ipywidgets.Output) for child in live(say, n=(1, 3)).children)
