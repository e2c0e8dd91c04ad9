"""Stopping a run that has gone wrong, before it costs more and before it spoils the weights."""

import math
from dataclasses import dataclass


class Diverged(RuntimeError):
    """The run went wrong: says at which step, by which numbers, and what to try."""


@dataclass
class Guard:
    """Watches a run. It has failed when loss or gradient is no number, or when the loss has been
    `factor` times that of the first step for `patience` steps in a row: a model that knows nothing
    is better."""

    factor: float = 1.5
    patience: int = 20
    first: float | None = None  # the loss of the first step
    above: int = 0  # steps in a row with too high a loss

    def check(self, step: int, loss: float, norm: float, lr: float) -> None:
        """Look at a step before its gradient changes the weights. Raises Diverged."""
        seen = f"loss {loss:.4g}, gradient norm {norm:.4g}, learning rate {lr:.3g}"
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise Diverged(
                f"Step {step}: {seen}. The weights are still those of step {step - 1}. Lower "
                "optimizer.lr (try a third), lengthen schedule.warmup, or lower optimizer.clip; "
                "if model.compute_dtype is float16, try bfloat16. If only this one step is bad "
                "whatever the learning rate, look at its batch."
            )
        self.first = loss if self.first is None else self.first
        self.above = self.above + 1 if loss > self.factor * self.first else 0
        if self.above >= self.patience:
            raise Diverged(
                f"Step {step}: {seen}. For {self.above} steps the loss has been above "
                f"{self.factor:g} times that of the first step, {self.first:.4g}: the run is "
                "diverging. Lower optimizer.lr (try a third) or lengthen schedule.warmup, and "
                "start again or resume from a checkpoint before the rise."
            )
