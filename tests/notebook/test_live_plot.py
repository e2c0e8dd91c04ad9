"""The live plot: one picture, replaced while training goes on, and complete at the end."""

import nbformat
import pytest
from nbclient import NotebookClient

from lib.notebook.live_plot import LivePlot
from lib.training.loop import Step, drain


class Shown:
    """Stands in for the notebook: counts first showings and updates."""

    def __init__(self):
        self.pictures, self.n_shown = [], 0

    def __call__(self, drawn):
        self.n_shown += 1
        self.pictures.append(drawn)
        return self

    def update(self, drawn):
        self.pictures.append(drawn)


def steps(n, valid_at=()):
    for i in range(1, n + 1):
        yield Step(i, 8.0 / i, 1.0, 0.1, 10, 0.01, 5.0 / i if i in valid_at else None)


def test_it_draws_every_so_often_and_at_the_end():
    shown = Shown()
    plot = LivePlot(7, alt="The loss falls.", every=3, show=shown)
    drain(steps(7, valid_at=(3, 6)), 7, callbacks=[plot], progress=False)
    assert shown.n_shown == 1  # then replaced
    assert len(shown.pictures) == 3  # after 3, 6 and 7
    assert plot.train == [(i, 8.0 / i) for i in range(1, 8)]
    assert plot.valid == [(3, 5.0 / 3), (6, 5.0 / 6)]
    assert 'alt="The loss falls."' in shown.pictures[-1].html
    assert len({drawn.html for drawn in shown.pictures}) == 3  # each shows more than the last


def test_alt_text_is_not_optional():
    with pytest.raises(TypeError, match="alt"):
        LivePlot(7)


def test_a_notebook_keeps_the_last_picture_alone():
    cell = nbformat.v4.new_code_cell(
        "from lib.notebook.live_plot import LivePlot\n"
        "from lib.training.loop import Step\n"
        "plot = LivePlot(4, alt='Falling.', every=1)\n"
        "for i in range(1, 5):\n"
        "    plot(Step(i, 8.0 / i, 1.0, 0.1, 10, 0.01))\n"
    )
    setup = nbformat.v4.new_code_cell("%load_ext lib.notebook")
    nb = nbformat.v4.new_notebook(cells=[setup, cell])
    NotebookClient(nb, timeout=60).execute()
    (output,) = nb.cells[1].outputs
    assert output["data"]["text/plain"] == "[Figure: Falling.]"
    assert output["data"]["text/html"].count("<img") == 1
