"""`%load_ext lib.notebook` in a real kernel: what a reader gets to see, and which cells fail."""

import importlib.util
import subprocess
import sys

import nbformat
import pytest
from IPython.core.error import UsageError
from nbclient import NotebookClient

import lib.notebook

CELLS = {
    "load": "%load_ext lib.notebook",
    "imports": "import random\nimport numpy as np\nimport matplotlib.pyplot as plt\n"
    "from lib.notebook.figures import new_axes, show",
    "seeds": "print(random.random(), np.random.rand())",
    "axes": "ax = new_axes('A rise.')\nax.plot([0, 1])\nprint('first')\nax",
    "again": "ax",
    "artist": "ax.set_title('Rising')",
    "shown": "plt.plot([0, 1])\nshow(plt.gcf(), 'Now.')\nprint('after')",
    "plt.show": "ax = new_axes('Middle.')\nplt.show()\nprint('after')\nax",
    "no alt": "plt.subplots()\nprint('drawn')",
    "shown, no alt": "plt.subplots()\nplt.show()\nprint('after')",
    "own error": "plt.subplots()\n1 / 0",
    "cannot draw": "new_axes('Bad.').set_title(r'$\\frac{$');",
    "fine again": "1 + 1",
    # A stand-in: importing the real one takes longer than all of these cells.
    "torch": "import sys, types\nseeds = []\n"
    "sys.modules['torch'] = types.SimpleNamespace(manual_seed=seeds.append)",
    "torch seed": "print(seeds)\nseeds.append(7)",
    "torch seed kept": "print(seeds)\ndel sys.modules['torch']",
    "reload": "%reload_ext lib.notebook",
    "after reload": "new_axes('Once.');",
    "magic": "%%step\nx = 1",
    "unload": "%unload_ext lib.notebook",
    "as before": "plt.plot([0, 1]);",
}


@pytest.fixture(scope="module")
def outputs():
    """Outputs of every cell, by its name."""
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells)}


def seen(outputs: list) -> list[str]:
    """Outputs in short: printed text, name of an error, or the text twin of what is displayed."""
    return [
        out.get("ename") or (out.text.strip() if "text" in out else out["data"]["text/plain"])
        for out in outputs
    ]


def test_loading_is_silent_and_seeds(outputs):
    assert outputs["load"] == []
    assert seen(outputs["seeds"]) == ["0.8444218515250481 0.5488135039273248"]  # both seeded with 0


def test_a_figure_follows_its_cell_once(outputs):
    assert seen(outputs["axes"]) == ["first", "[Figure: A rise.]"]
    assert '<img alt="A rise."' in outputs["axes"][1]["data"]["text/html"]


def test_axes_show_an_older_figure_again_and_artists_say_nothing(outputs):
    assert seen(outputs["again"]) == ["[Figure: A rise.]"]
    assert outputs["artist"] == []


def test_figures_can_be_shown_in_the_middle(outputs):
    assert seen(outputs["shown"]) == ["[Figure: Now.]", "after"]
    assert seen(outputs["plt.show"]) == ["[Figure: Middle.]", "after"]


def test_a_figure_without_alt_text_is_shown_and_fails_its_cell(outputs):
    assert seen(outputs["no alt"]) == ["drawn", "[Figure: figure without alt text]", "FigureError"]
    assert seen(outputs["shown, no alt"])[-1] == "FigureError"
    assert len(outputs["no alt"][-1]["traceback"]) == 1  # one sentence, no stack


def test_the_error_of_a_cell_is_not_covered_by_ours(outputs):
    names = [out.ename for out in outputs["own error"] if out.output_type == "error"]
    assert names == ["ZeroDivisionError"]


def test_a_figure_that_cannot_be_drawn_fails_only_its_own_cell(outputs):
    assert seen(outputs["cannot draw"]) == ["ValueError"]
    assert seen(outputs["fine again"]) == ["2"]


def test_torch_is_seeded_once_after_its_import(outputs):
    assert seen(outputs["torch seed"]) == ["[0]"]
    assert seen(outputs["torch seed kept"]) == ["[0, 7]"]


def test_reloading_keeps_one_figure_and_unloading_restores_the_kernel(outputs):
    assert seen(outputs["after reload"]) == ["[Figure: Once.]"]
    assert "error" not in {out.output_type for out in outputs["magic"]}
    assert "image/png" in outputs["as before"][0]["data"]


def test_a_cell_without_alt_text_stops_a_headless_run():
    code = "%load_ext lib.notebook\nimport matplotlib.pyplot as plt\nplt.plot([1]);"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with pytest.raises(Exception, match="This figure has no alt text"):
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()


def test_a_missing_package_is_one_sentence_with_the_command(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("PIL", "torch") else find(name)
    )
    with pytest.raises(UsageError, match=r"^Not installed here: PIL, torch\..*python run.py lab$"):
        lib.notebook.load_ipython_extension(None)


def test_importing_the_package_imports_nothing_heavy():
    heavy = {"matplotlib", "numpy", "torch", "IPython"}
    code = f"import sys, lib.notebook; assert not {heavy} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", code], check=True)
