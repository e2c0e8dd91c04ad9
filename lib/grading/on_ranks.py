"""Run a learner's code on several ranks, and tell what goes wrong there as it is told elsewhere.

    results = on_ranks(2, train, ddp.make_parallel, model)

calls `train(comm, ddp.make_parallel, model)` on one rank in this process, then on two processes.
Alone, an error leads to the learner's line, and a breach of the rules is seen. What is under test
goes along as an argument: the ranks import the rest by themselves.
"""

from collections.abc import Callable
from typing import Any

import torch

from lib.grading.feedback import Difference, NotWritten
from lib.parallel.comm import Comm, Pending
from lib.parallel.errors import RankError, RankTimeout
from lib.parallel.launch import launch
from lib.parallel.simulated import SimulatedComm, Stopped, World

SECONDS = 30.0  # for what takes a few hundredths; a rank that waits for a message waits for ever
PATIENCE = 110.0  # for what ranks import before their first test


def on_ranks(n_ranks: int, function: Callable, *args: Any, seconds: float = SECONDS) -> list[Any]:
    """`function(comm, *args)` on one rank, then on `n_ranks`: what these return, by rank."""
    alone(function, *args)
    _make_ready(n_ranks)
    try:
        return launch(function, n_ranks, *args, timeout=seconds)
    except RankError as error:
        _ready.clear()  # the ranks that failed are gone
        if isinstance(error, RankTimeout):
            rule = f"The ranks wait for each other for ever, or calculate without end. {error}"
            raise Difference(rule, f"{n_ranks} ranks, {seconds:g} seconds") from None
        if isinstance(error.error, Difference | NotWritten):
            raise error.error from None
        raise


_ready: set[int] = set()


def _make_ready(n_ranks: int) -> None:
    """The first optimizer of a process imports for seconds, which is nobody's endless loop."""
    if n_ranks not in _ready:
        launch(_first_optimizer, n_ranks, timeout=PATIENCE)
        _ready.add(n_ranks)


def _first_optimizer(comm: Comm) -> None:
    torch.optim.SGD([torch.zeros(1)])


def alone(function: Callable, *args: Any) -> Any:
    """The same on a single rank, in this process and thread, where no message goes anywhere."""
    world = World(1)
    try:
        return function(SimulatedComm(world, 0), *args)
    except Stopped:
        rule = f"A single rank waits for a message that nobody sends. {world.error}"
        raise Difference(rule, "1 rank") from None


class LoggedComm(Comm):
    """A Comm that notes in `log` ("start", op, numbers, dtype), and ("wait", ...) when it is due.

    Tests add events of their own to the list, so that the order of all can be looked at.
    """

    def __init__(self, inner: Comm, log: list[tuple]) -> None:
        self.inner, self.log = inner, log
        self.rank, self.n_ranks, self.traffic = inner.rank, inner.n_ranks, inner.traffic

    def split(self, groups: list[list[int]]) -> "LoggedComm":
        return LoggedComm(self.inner.split(groups), self.log)

    def _start(self, op: str, x: Any, **options: Any) -> Pending:
        about = (op, 0 if x is None else x.numel(), None if x is None else x.dtype)
        self.log.append(("start", *about))
        return self._logged(self.inner._start(op, x, **options), about)

    def _start_send(self, x: Any, to: int) -> Pending:
        self.log.append(("start", "send", x.numel(), x.dtype))
        return self.inner._start_send(x, to)

    def _start_receive(self, into: Any, source: int) -> Pending:
        return self.inner._start_receive(into, source)

    def _start_exchange(self, x: Any, to: int, into: Any, source: int) -> Pending:
        self.log.append(("start", "exchange", x.numel(), x.dtype))
        return self.inner._start_exchange(x, to, into, source)

    def _logged(self, pending: Pending, about: tuple) -> Pending:
        def finish() -> Any:
            self.log.append(("wait", *about))
            return pending.wait()

        return Pending(finish)
