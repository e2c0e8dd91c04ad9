"""One rank's view of the others: the eight collectives, send and receive, and a count of the bytes.

Every rank runs the same function with a Comm of its own. Whether the others are processes
(`launch`) or simulated in this one (`simulate`) makes no difference to it. Functions return new
tensors and leave what they are given alone; gradients do not flow through them.

Letters: n ranks.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor

from lib.parallel.on_lists import check_parts, check_reduction
from lib.parallel.traffic import Call, Traffic, collective_call, n_bytes


class Pending:
    """A call under way: `wait` gives its result. Until then its tensors belong to the call."""

    def __init__(self, finish: Callable[[], Tensor | None]) -> None:
        self._finish, self._done, self._result = finish, False, None

    def wait(self) -> Tensor | None:
        """The result, as soon as it is there."""
        if not self._done:
            self._result, self._done = self._finish(), True
            self._finish = None  # which holds what was given: free to go now
        return self._result


class Comm(ABC):
    """Rank `rank` of `n_ranks`."""

    rank: int
    n_ranks: int
    traffic: Traffic

    def broadcast(self, x: Tensor, root: int = 0) -> Tensor:
        """All get what the root has. The others give a tensor of the same shape."""
        return self.start("broadcast", x, root=root).wait()

    def scatter(self, x: Tensor | None, root: int = 0) -> Tensor:
        """Each gets its part of the root's rows; only the root gives a tensor."""
        return self.start("scatter", x if self.rank == root else None, root=root).wait()

    def gather(self, x: Tensor, root: int = 0) -> Tensor | None:
        """The root gets the rows of all, the others None. All give the same shape."""
        return self.start("gather", x, root=root).wait()

    def reduce(self, x: Tensor, root: int = 0, reduction: str = "sum") -> Tensor | None:
        """The root gets the "sum" (or "mean", "max", "min") of all, the others None."""
        return self.start("reduce", x, root=root, reduction=reduction).wait()

    def all_gather(self, x: Tensor, dim: int = 0) -> Tensor:
        """All get the tensors of all, joined along `dim`. All give the same shape."""
        return self.start("all_gather", x.movedim(dim, 0)).wait().movedim(0, dim)

    def reduce_scatter(self, x: Tensor, dim: int = 0, reduction: str = "sum") -> Tensor:
        """Each gets its part, along `dim`, of the sum of all."""
        moved = self.start("reduce_scatter", x.movedim(dim, 0), reduction=reduction)
        return moved.wait().movedim(0, dim)

    def all_reduce(self, x: Tensor, reduction: str = "sum", in_place: bool = False) -> Tensor:
        """All get the sum of all; `in_place` writes it over x."""
        return self.start("all_reduce", x, reduction=reduction, in_place=in_place).wait()

    def all_to_all(
        self, x: Tensor, send_rows: list[int] | None = None, receive_rows: list[int] | None = None
    ) -> Tensor:
        """Each gets its part of everybody's rows.

        Parts are equal, or as many rows for each rank as `send_rows` says; then `receive_rows` says
        how many come from each.
        """
        rows = {} if send_rows is None else {"send_rows": send_rows, "receive_rows": receive_rows}
        return self.start("all_to_all", x, **rows).wait()

    def barrier(self) -> None:
        """Go on when all have come here."""
        self.start("barrier", None).wait()

    def start(self, op: str, x: Tensor | None, **options: Any) -> Pending:
        """Begin a collective by its name and go on; along the first dimension, where it has one.

        All ranks must start their calls in the same order. broadcast, reduce and all_reduce may
        work `in_place`; all_gather and reduce_scatter may write `into` a tensor, of which x may be
        this rank's part, or which may be this rank's part of x.
        """
        check_reduction(options.get("reduction", "sum"))
        if "into" in options:
            _check_into(options["into"])
            options["into"] = options["into"].detach()
        if x is not None:
            x = x.detach() if options.get("in_place") else x.detach().contiguous()
            if op in ("scatter", "reduce_scatter", "all_to_all") and "send_rows" not in options:
                check_parts(x, self.n_ranks)
        pending = self._start(op, x, **options)
        self._count(op, x, pending, **options)
        return pending

    def send(self, x: Tensor, to: int) -> None:
        """Go on when x has been taken. Two ranks that first send to each other wait for ever."""
        self.start_send(x, to).wait()

    def receive(self, into: Tensor, source: int) -> Tensor:
        """Fill `into` with the next tensor that `source` sends here, of the same shape and type."""
        return self.start_receive(into, source).wait()

    def start_send(self, x: Tensor, to: int) -> Pending:
        """Begin to send and go on. x must stay as it is until the end."""
        size = n_bytes(x)
        self.traffic.calls.append(Call("send", size, size, 0, 1))
        return self._start_send(x.detach().contiguous(), to)

    def start_receive(self, into: Tensor, source: int) -> Pending:
        """Begin to receive and go on."""
        _check_into(into)
        self.traffic.calls.append(Call("receive", 0, 0, n_bytes(into), 0))
        return self._start_receive(into.detach(), source)

    def exchange(self, x: Tensor, to: int, into: Tensor, source: int) -> Tensor:
        """Send and receive at the same time, as every rank of a ring does."""
        return self.start_exchange(x, to, into, source).wait()

    def start_exchange(self, x: Tensor, to: int, into: Tensor, source: int) -> Pending:
        """Begin both and go on. x must stay as it is until the end."""
        _check_into(into)
        self.traffic.calls.append(Call("exchange", n_bytes(x), n_bytes(x), n_bytes(into), 1))
        return self._start_exchange(x.detach().contiguous(), to, into.detach(), source)

    @abstractmethod
    def split(self, groups: list[list[int]]) -> "Comm":
        """The Comm of the group that this rank is in, in which ranks count from 0.

        All ranks call it, with the same groups, which hold every rank once.
        """

    def _count(self, op: str, x: Tensor | None, pending: Pending, **options: Any) -> None:
        is_root = options.get("root") == self.rank
        size = n_bytes(x)
        if op == "scatter" and not is_root:
            size = n_bytes(pending.wait()) * self.n_ranks
        if op == "all_to_all" and "send_rows" in options:
            self.traffic.calls.append(self._uneven_call(x, **options))
        else:
            self.traffic.calls.append(collective_call(op, size, self.n_ranks, is_root))

    def _uneven_call(self, x: Tensor, send_rows: list[int], receive_rows: list[int]) -> Call:
        row = x.shape[1:].numel() * x.element_size()  # who has no rows may still get some
        sent = (sum(send_rows) - send_rows[self.rank]) * row
        received = (sum(receive_rows) - receive_rows[self.rank]) * row
        return Call("all_to_all", n_bytes(x), sent, received, self.n_ranks - 1)

    @abstractmethod
    def _start(self, op: str, x: Tensor | None, **options: Any) -> Pending: ...

    @abstractmethod
    def _start_send(self, x: Tensor, to: int) -> Pending: ...

    @abstractmethod
    def _start_receive(self, into: Tensor, source: int) -> Pending: ...

    @abstractmethod
    def _start_exchange(self, x: Tensor, to: int, into: Tensor, source: int) -> Pending: ...


def check_groups(groups: list[list[int]], n_ranks: int, rank: int) -> list[int]:
    """The group of this rank."""
    if sorted(rank for group in groups for rank in group) != list(range(n_ranks)):
        raise ValueError(f"Groups hold each of the {n_ranks} ranks once, which {groups} do not.")
    return next(group for group in groups if rank in group)


def _check_into(into: Tensor) -> None:
    if not into.is_contiguous():
        raise ValueError("A message fills memory in order: receive into a contiguous tensor.")
