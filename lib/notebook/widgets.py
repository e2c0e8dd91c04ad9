"""Things to move: a drawing that follows sliders, menus and text fields while a kernel runs.

    def draw(temperature=1.0): ...          # returns HTML, a figure, or anything with _repr_html_
    live(draw, temperature=[0.5, 1.0, 2.0])

The picture lives in an `HTML` widget. (`interact` and `Output` widgets would be shorter, but they
make headless runs wait for their timeout.) The output also carries the first picture as plain HTML,
which is what GitHub, an exported page and a notebook not yet trusted show. For a slider that moves
without a kernel see frames.py.
"""

import inspect
import time
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets

from lib.notebook.controls import control
from lib.notebook.drawn import as_html

AT_ONCE = 0.1  # seconds: a faster drawing follows every movement, a slower one waits for its end


def live(draw: Callable[..., object], /, **controls: object) -> "Live":
    """Call `draw` with the values of its controls, now and whenever one of them is moved.

    (low, high) or (low, high, step) of whole numbers becomes a slider; a list of numbers a slider
    over exactly these; any other list, or a dict {name: value}, a menu; a str a text field; a bool
    a check box; an ipywidget stays what it is. A slider or menu starts at draw's own default for
    that parameter, else in the middle of a range or at the first of a list. Errors of the first
    drawing are raised; later ones are written where the picture was.
    """
    parameters = inspect.signature(draw).parameters
    made = {}
    for name, choice in controls.items():
        has_start = name in parameters and parameters[name].default is not inspect.Parameter.empty
        start = {"start": parameters[name].default} if has_start else {}
        made[name] = control(name, choice, **start)
    return Live(draw, made)


class Live(ipywidgets.VBox):
    """Controls above a picture. `controls[name].value = ...` moves one from code, as tests do."""

    def __init__(
        self, draw: Callable[..., object], controls: Mapping[str, ipywidgets.Widget]
    ) -> None:
        self.draw, self.controls = draw, dict(controls)
        start = time.perf_counter()
        first = self.drawn()
        at_once = time.perf_counter() - start < AT_ONCE
        self.picture = ipywidgets.HTML(first)
        self.static = (
            f"{first}<p><small>Drawn for {escape(self.in_words())}. "
            "Run the cell in JupyterLab to move it.</small></p>"
        )
        for widget in self.controls.values():
            if widget.has_trait("continuous_update"):
                widget.continuous_update = at_once
            widget.observe(self.redraw, names="value")
        super().__init__([*self.controls.values(), self.picture])

    def drawn(self) -> str:
        """The picture for what the controls say now."""
        values = {name: widget.value for name, widget in self.controls.items()}
        return as_html(self.draw(**values), alt=f"Drawn for {self.in_words()}.")

    def redraw(self, _change: object = None) -> None:
        """Replace the picture, or say in its place why there is none."""
        try:
            self.picture.value = self.drawn()
        except Exception as error:  # left alone, it would end in a log that nobody reads
            sentence = f"for {self.in_words()}: {error}"
            self.picture.value = (
                f'<p role="alert"><b>{type(error).__name__}</b> {escape(sentence)}</p>'
            )

    def in_words(self) -> str:
        """temperature = 1.0, text = 'the cat'; for menus the name of the entry."""
        said = {
            name: widget.label if widget.has_trait("label") else repr(widget.value)
            for name, widget in self.controls.items()
        }
        return ", ".join(f"{name} = {value}" for name, value in said.items())

    def _repr_mimebundle_(self, **options: object) -> dict[str, Any]:
        """The widget, and for pages that cannot run it the first picture."""
        bundle = super()._repr_mimebundle_(**options) or {}
        text = f"[Live drawing with {', '.join(self.controls)}: run the cell to move it.]"
        return {**bundle, "text/plain": text, "text/html": self.static}
