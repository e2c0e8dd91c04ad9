"""A loss curve that grows on the page while a model trains.

    drain(run.steps(), n_steps, callbacks=[LivePlot(n_steps, alt="The loss falls.")])

One picture, replaced as the training goes on; when it is over, the picture of the whole run stays.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from IPython.display import DisplayHandle, display

from lib.notebook.figures import new_axes, picture
from lib.notebook.plots import curves
from lib.notebook.rendered import Rendered


@runtime_checkable
class TrainingStep(Protocol):
    """What is drawn of a step: `lib.training.loop.Step` has it."""

    step: int  # counted from 1
    loss: float
    valid: float | None  # None where the step was not evaluated


class LivePlot:
    """Called with each step; draws after every `every`th and after the last."""

    def __init__(
        self,
        n_steps: int,
        *,
        alt: str,
        title: str = "Loss, while it trains",
        every: int = 20,
        show: Callable[[Rendered], DisplayHandle] | None = None,
    ) -> None:
        self.n_steps, self.every = n_steps, every
        self.title, self.alt = title, alt
        self.train: list[tuple[int, float]] = []
        self.valid: list[tuple[int, float]] = []
        self._show = show or (lambda drawn: display(drawn, display_id=True))
        self._handle: DisplayHandle | None = None

    def __call__(self, step: TrainingStep) -> None:
        self.train.append((step.step, step.loss))
        if step.valid is not None:
            self.valid.append((step.step, step.valid))
        if step.step % self.every == 0 or step.step == self.n_steps:
            self.draw()

    def draw(self) -> None:
        """Show the curve so far, in place of the one before."""
        ax = new_axes(self.alt)
        lines = {"train": self.train, "valid": self.valid}
        series = {name: tuple(zip(*line)) for name, line in lines.items() if line}
        curves(series, title=self.title, x="step", y="loss, nats per token", ax=ax)
        ax.set_xlim(0, self.n_steps)
        drawn = Rendered(picture(ax, self.alt), f"[Figure: {self.alt}]")
        if self._handle is None:
            self._handle = self._show(drawn)
        else:
            self._handle.update(drawn)
