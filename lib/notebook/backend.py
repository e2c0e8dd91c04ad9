"""Where pyplot meets notebook cells: `matplotlib.use("module://lib.notebook.backend")`.

Matplotlib asks a backend for a canvas and a figure manager. Ours draw with Agg, and plt.show()
sends the open figures to the notebook. `attach` makes the end of every cell do the same.
"""

from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from matplotlib._pylab_helpers import Gcf
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import Container
from matplotlib.figure import Figure

from lib.notebook.figures import (
    figure_of,
    finish_cell,
    publish,
    publish_open_figures,
    shown_in_this_cell,
)


class FigureManager(FigureManagerBase):
    """Keeps a figure open until it is published."""

    def show(self) -> None:
        """What figure.show() does."""
        publish(self.canvas.figure)

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        """What plt.show() does; `block` has no meaning in a notebook."""
        publish_open_figures()


class FigureCanvas(FigureCanvasAgg):
    """Agg, with our manager."""

    manager_class = FigureManager


class CellEnd:
    """Shows the open figures when a cell ends, and fails the cell if one has no alt text."""

    def __init__(self, ip: InteractiveShell) -> None:
        self.ip = ip

    def __call__(self, result: ExecutionResult | None) -> None:
        try:
            publish_open_figures()
        except Exception as error:
            self.fail(result, error)
        try:
            finish_cell()
        except Exception as error:
            self.fail(result, error)

    def fail(self, result: ExecutionResult | None, error: Exception) -> None:
        """Make the cell fail as if it had raised; an error of its own comes first and stays alone.

        IPython prints and forgets what its callbacks raise, so that the cell would pass.
        """
        if result is None or not result.success:
            return
        result.error_in_exec = error
        self.ip.last_execution_succeeded = False
        self.ip.showtraceback((type(error), error, error.__traceback__))


def attach(ip: InteractiveShell) -> CellEnd:
    """Show figures at the end of cells; returns what `detach` needs."""
    _stop_inline_figures(ip)
    cell_end = CellEnd(ip)
    ip.events.register("post_run_cell", cell_end)
    formatter = ip.display_formatter.ipython_display_formatter
    formatter.for_type(Artist, _say_nothing)
    formatter.for_type(Container, _say_nothing)
    formatter.for_type(Axes, _show_unless_open)
    formatter.for_type(Figure, _show_unless_shown)
    return cell_end


def detach(ip: InteractiveShell, cell_end: CellEnd) -> None:
    """Undo `attach`."""
    ip.events.unregister("post_run_cell", cell_end)
    for kind in (Artist, Container, Axes, Figure):
        ip.display_formatter.ipython_display_formatter.pop(kind, None)


def _stop_inline_figures(ip: InteractiveShell) -> None:
    """IPython's own hook would show every figure a second time."""
    for callback in list(ip.events.callbacks["post_execute"]):
        if callback.__name__ == "flush_figures":
            ip.events.unregister("post_execute", callback)


def _say_nothing(artist: object) -> None:
    """`<matplotlib.lines.Line2D at 0x7f...>` as the value of a cell tells a reader nothing."""


def _show_unless_shown(figure: Figure) -> None:
    """A figure as the value of a cell, or given to display()."""
    if not shown_in_this_cell(figure):
        publish(figure)


def _show_unless_open(axes: Axes) -> None:
    """Axes as the value of a cell: an open figure follows anyway, an older one is shown again."""
    figure = figure_of(axes)
    if all(manager.canvas.figure is not figure for manager in Gcf.get_all_fig_managers()):
        _show_unless_shown(figure)
