"""The drawing of a block: every part once, norms where the choice puts them, no text outside."""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.transforms import Bbox

from lib.model.config import ModelConfig
from lib.notebook.block_diagram import STREAM, block_diagram, block_diagrams
from lib.notebook.block_parts import in_words
from lib.notebook.colours import BLUE
from lib.notebook.figures import alt_text

HOUSE_STYLE = Path(__file__).parents[2] / "lib" / "notebook" / "house.mplstyle"


@pytest.fixture(autouse=True)
def house_style():
    with plt.style.context(HOUSE_STYLE):
        yield
        plt.close("all")


def config(**choices) -> ModelConfig:
    shape = {"vocab_size": 128_256, "context": 64, "n_layers": 3, "width": 24, "n_heads": 6}
    return ModelConfig(**(shape | choices))


PLACED = {  # norms on the stream, with the last one, and beside it
    "pre": (1, 2),
    "post": (2, 0),
    "sandwich": (1, 4),
    "reordered": (1, 2),
}


@pytest.mark.parametrize("placement", PLACED)
def test_norms_stand_where_the_choice_puts_them(placement):
    ax = block_diagram(config(norm_placement=placement))
    places = [text.get_position()[0] for text in ax.texts if text.get_text() == "RMSNorm"]
    on_stream = sum(abs(x - STREAM) < 1e-9 for x in places)
    assert (on_stream, len(places) - on_stream) == PLACED[placement]


def test_a_parallel_block_has_one_norm_and_one_sum():
    ax = block_diagram(config(parallel=True))
    written = [text.get_text() for text in ax.texts]
    assert written.count("RMSNorm") == 2 and written.count("+") == 1  # and the one at the end


def test_as_many_cells_as_heads():
    ax = block_diagram(config(n_kv_heads=2))
    cells = [p for p in ax.patches if isinstance(p, Rectangle) and p.get_height() < 0.1]
    assert len(cells) == 6 + 2 + 2
    assert (
        sum(cell.get_facecolor()[:3] == plt.matplotlib.colors.to_rgb(BLUE) for cell in cells) == 6
    )


HARD = {
    "qk_norm": "all",
    "attention_gate": True,
    "norm_placement": "sandwich",
    "norm_offset": True,
    "ffn": "geglu_tanh",
    "bias": True,
    "tied": True,
    "window": 131_072,
    "window_pattern": "WWWF",
    "rope_on_full": False,
    "rope_fraction": 0.5,
    "attention_softcap": 50.0,
    "output_softcap": 30.0,
    "embedding_scale": 48.0,
}


@pytest.mark.parametrize("choices", [{}, {"parallel": True}, HARD, {"norm": "none"}])
def test_text_stays_in_its_box_and_in_the_figure(choices):
    ax = block_diagram(config(**choices))
    ax.figure.draw_without_rendering()
    boxes = [p.get_window_extent() for p in ax.patches if isinstance(p, FancyBboxPatch)]
    for text in ax.texts:
        extent = text.get_window_extent()
        assert extent.x1 <= ax.figure.bbox.x1 and extent.x0 >= 0, text.get_text()
        around = [box for box in boxes if box.contains(*((extent.p0 + extent.p1) / 2))]
        for box in around:
            assert Bbox.intersection(extent, box).width > extent.width - 0.1, text.get_text()


def test_the_words_are_the_alt_text():
    ours = config()
    assert alt_text(block_diagram(ours)) == in_words(ours)
    ax = block_diagrams({"a": ours, "b": config(parallel=True)}, title="Two")
    assert alt_text(ax).startswith(f"a: {in_words(ours)} b: ")


def test_blocks_side_by_side_have_their_names_in_rows():
    ax = block_diagrams({name: config() for name in "abcd"}, title="Four", columns=3)
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places["a"][1] == places["b"][1] == places["c"][1] > places["d"][1]
    assert places["a"][0] == places["d"][0] < places["b"][0] < places["c"][0]
