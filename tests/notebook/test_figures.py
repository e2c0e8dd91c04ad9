"""Figures: small, the same every time, and never without words."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from lib.notebook import figures
from lib.notebook.figures import (
    FigureError,
    alt_text,
    describe,
    figure_of,
    finish_cell,
    new_axes,
    picture,
    publish_open_figures,
    show,
)


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    """What would have been displayed."""
    bundles = []
    monkeypatch.setattr(figures, "display", lambda bundle, raw: bundles.append(bundle))
    yield bundles
    plt.close("all")
    figures._without_alt.clear()


def image_in(html: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(re.search('base64,([^"]+)', html)[1])))


def test_a_picture_is_sharp_small_and_the_same_every_time():
    ax = new_axes("A line.", size=(5, 3))
    ax.plot([0, 1], [2, 3])
    html = picture(ax, "A line.")
    image = image_in(html)
    assert image.size == (960, 576)  # twice 96 dots per inch
    assert 'width="480"' in html and "max-width:100%" in html
    assert image.mode == "P" and len(image.getcolors()) <= 64
    assert "A" not in image.mode and "transparency" not in image.info
    assert not image.text  # no date, no version of the software
    assert picture(ax, "A line.") == html
    assert len(html) < 25_000


def test_alt_text_and_caption_are_escaped():
    html = picture(new_axes("x"), 'say "<b>"', caption="a < b")
    assert 'alt="say &quot;&lt;b&gt;&quot;"' in html
    assert "<figcaption>a &lt; b</figcaption>" in html


def test_show_publishes_now_and_closes(shown):
    _, ax = plt.subplots()
    show(ax, "Two\n   points.")
    assert shown[0]["text/plain"] == "[Figure: Two points.]"
    assert not plt.get_fignums()
    finish_cell()  # nothing was missing


def test_open_figures_come_in_order_and_once(shown):
    new_axes("first")
    new_axes("second")
    publish_open_figures()
    publish_open_figures()
    assert [bundle["text/plain"] for bundle in shown] == ["[Figure: first]", "[Figure: second]"]


def test_a_figure_without_alt_text_is_shown_and_then_an_error(shown):
    plt.subplots()
    publish_open_figures()
    assert len(shown) == 1
    with pytest.raises(FigureError, match=r'This figure has no alt text.*new_axes\(alt="..."\)'):
        finish_cell()
    finish_cell()  # the next cell starts afresh


def test_a_figure_that_cannot_be_drawn_is_closed_too():
    new_axes("bad").set_title(r"$\frac{$")
    with pytest.raises(ValueError, match="frac"):
        publish_open_figures()
    assert not plt.get_fignums()


def test_panels_add_their_sentences():
    left, _right = new_axes("Two panels.", cols=2)
    describe(left, "The left one falls.")
    assert alt_text(left) == "Two panels. The left one falls."
    assert isinstance(new_axes("grid", rows=2, cols=3), np.ndarray)


def test_an_empty_alt_text_is_refused_before_anything_opens():
    with pytest.raises(FigureError, match="alt text is empty"):
        new_axes(" \n")
    assert not plt.get_fignums()


def test_axes_lead_to_the_whole_figure():
    figure = Figure()
    inner = figure.subfigures(1, 2)[0].subfigures(2, 1)[1].subplots()
    assert figure_of(inner) is figure
    inner.remove()
    with pytest.raises(FigureError, match="removed"):
        figure_of(inner)
