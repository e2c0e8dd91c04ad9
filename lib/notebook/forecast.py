"""Predict what a cell costs before it runs, then measure it.

    with forecast("multiplying", flops=2 * n**3) as f:
        a @ b

shows `Forecast · multiplying: 22 ms (2.1 GFLOP at 95 GFLOP/s, measured on this machine)` before the
body runs and `Measured · multiplying: 31 ms, ratio 1.4` after it; `f.predicted`, `f.measured` and
`f.ratio` stay available. A forecast that is off is a lesson, never an error: what must hold is said
with `expect`.
"""

import sys
from html import escape
from time import perf_counter
from types import TracebackType

from IPython.display import display

from lib.notebook.machine import speed, unit
from lib.notebook.peak_memory import PeakMemory
from lib.notebook.rendered import Rendered
from lib.notebook.units import duration, quantity, rounded
from lib.notebook.units import memory as in_bytes

Number = int | float


def forecast(
    what: str,
    *,
    flops: Number | None = None,
    bytes: Number | None = None,
    operations: Number | None = None,
    seconds: Number | None = None,
    memory: Number | None = None,
    at: str | Number | None = None,
    because: str = "",
) -> "Forecast":
    """A context manager that shows prediction, measurement and their ratio.

    Exactly one amount is given. Work becomes time by the measured speed of the machine: `flops` by
    speed("flops"), `bytes` by speed("copy"), `operations` by speed("python"), or by `at`: another
    kind of `speed`, or units per second. `seconds` and `memory` (bytes: by how much the process
    grows at its peak, see peak_memory.py) are predictions of one's own; `because` says where they
    come from.
    """
    amounts = {
        "flops": flops,
        "bytes": bytes,
        "operations": operations,
        "seconds": seconds,
        "memory": memory,
    }
    given = {name: amount for name, amount in amounts.items() if amount is not None}
    if len(given) != 1:
        raise ValueError(
            f"A forecast takes exactly one of {', '.join(amounts)}; given: {list(given)}."
        )
    ((name, amount),) = given.items()
    if not 0 < amount < float("inf"):
        raise ValueError(f"{name} is {amount}: a forecast is for something more than 0 and finite.")
    if name in ("seconds", "memory"):
        return Forecast(what, amount, because, is_memory=name == "memory")
    predicted, reason = time_for(name, amount, at)
    return Forecast(what, predicted, f"{reason}; {because}" if because else reason)


def time_for(name: str, amount: Number, at: str | Number | None) -> tuple[float, str]:
    """Seconds for an amount of work, and the sentence that derives them."""
    kind, counted = {
        "flops": ("flops", "FLOP"),
        "bytes": ("copy", "bytes"),
        "operations": ("python", "operations"),
    }[name]
    if isinstance(at, (int, float)):
        rate, source = at, "given"
    else:
        kind = at or kind
        if unit(kind) != counted:
            raise ValueError(
                f"The speed {kind!r} counts {unit(kind)}, but the forecast is for {counted}: "
                f"give the amount in {unit(kind)}, or choose another `at`."
            )
        rate, source = speed(kind), "measured on this machine"
    symbol = "B" if counted == "bytes" else counted
    return amount / rate, f"{quantity(amount, symbol)} at {quantity(rate, symbol + '/s')}, {source}"


class Forecast:
    """A prediction on its way to being measured: seconds, or bytes if `is_memory`."""

    def __init__(self, what: str, predicted: Number, because: str, is_memory: bool = False) -> None:
        self.what, self.predicted, self.because = what, predicted, because
        self.is_memory = is_memory
        self.measured: Number | None = None  # until the body has run to its end

    @property
    def ratio(self) -> float | None:
        """Measured / predicted: 2 means twice as slow, or as big, as predicted."""
        return None if self.measured is None else self.measured / self.predicted

    def __enter__(self) -> "Forecast":
        reason = f" ({self.because})" if self.because else ""
        show("Forecast", f"{self.what}: ", self.with_unit(self.predicted), reason)
        self.peak = PeakMemory().__enter__() if self.is_memory else None
        wait_for_gpu()
        self.start = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            wait_for_gpu()
        elapsed = perf_counter() - self.start
        if self.peak:
            self.peak.__exit__(kind, error, traceback)
        if error is not None:
            show("Stopped", f"{self.what}: {type(error).__name__} after ", duration(elapsed), "")
            return
        self.measured = self.peak.growth if self.peak else elapsed
        ratio = f", ratio {rounded(self.ratio)}"
        show("Measured", f"{self.what}: ", self.with_unit(self.measured), ratio)

    def with_unit(self, amount: Number) -> str:
        """Seconds or bytes as text."""
        return in_bytes(amount) if self.is_memory else duration(amount)


def wait_for_gpu() -> None:
    """Let the GPU finish: its work is only queued when Python goes on."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def show(heading: str, before: str, number: str, after: str) -> None:
    """One line, the number in bold, without colours of its own so that every theme can show it."""
    html = (
        f'<p style="margin:0.2em 0"><b>{heading}</b> · {escape(before)}<b>{escape(number)}</b>'
        f"{escape(after)}</p>"
    )
    display(Rendered(html, f"{heading} · {before}{number}{after}"))
