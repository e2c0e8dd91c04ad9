"""What a rank has sent and received, call by call.

For send and receive, and all that is written with them (ring, tree), these are the bytes that
moved. What a library does inside a collective is its own affair; there the count is that of the
usual algorithm: a ring for all-gather, reduce-scatter and all-reduce, direct messages for the rest.

Letters: n ranks.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Call:
    """One call on one rank: `size` is what it gave, in bytes, `messages` how many it sent."""

    op: str
    size: int
    sent: int
    received: int
    messages: int


@dataclass
class Traffic:
    """All calls of one rank so far."""

    calls: list[Call] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Bytes that this rank has sent."""
        return sum(call.sent for call in self.calls)

    @property
    def received(self) -> int:
        """Bytes that this rank has received."""
        return sum(call.received for call in self.calls)

    @property
    def messages(self) -> int:
        """Messages that this rank has sent."""
        return sum(call.messages for call in self.calls)

    def by_op(self) -> dict[str, int]:
        """Bytes sent for each kind of call."""
        sums: dict[str, int] = defaultdict(int)
        for call in self.calls:
            sums[call.op] += call.sent
        return dict(sums)

    def clear(self) -> None:
        """Count from zero again."""
        self.calls.clear()


def n_bytes(x: Tensor | None) -> int:
    """The values of a tensor in bytes; none if there is no tensor."""
    return 0 if x is None else x.numel() * x.element_size()


def collective_call(op: str, size: int, n: int, is_root: bool = False) -> Call:
    """The usual algorithm's. `size` is what one rank gives; for scatter, what the root gives.

    Ring all-reduce is a reduce-scatter and an all-gather of the n-th parts: 2 (n - 1) / n of the
    size, whatever the number of ranks.
    """
    others, part = n - 1, round(size * (n - 1) / n)
    if op == "all_reduce":
        return Call(op, size, 2 * part, 2 * part, 2 * others)
    if op == "all_gather":
        return Call(op, size, others * size, others * size, others)
    if op in ("reduce_scatter", "all_to_all"):
        return Call(op, size, part, part, others)
    if op == "broadcast":
        return Call(op, size, others * size, 0, others) if is_root else Call(op, size, 0, size, 0)
    if op == "scatter":
        return Call(op, size, part, 0, others) if is_root else Call(op, size, 0, size // n, 0)
    if op in ("gather", "reduce"):
        return Call(op, size, 0, others * size, 0) if is_root else Call(op, size, size, 0, 1)
    return Call(op, size, 0, 0, 0)
