"""Ranks inside of this process: threads of which exactly one runs, in an order that never changes.

A rank runs until it has to wait for another one; then the next rank whose waiting is over goes on.
So every run is the same, nothing needs a network, and when all wait it can be said who waits for
what.
"""

import threading
import traceback
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from torch import Tensor

from lib.parallel.comm import Comm, Pending, check_groups
from lib.parallel.errors import Deadlock, RankError, described, failure, shown
from lib.parallel.on_lists import ON_LISTS
from lib.parallel.traffic import Traffic


def simulate(function: Callable, n_ranks: int, *args: Any, **kwargs: Any) -> list[Any]:
    """`function(comm, *args, **kwargs)` on every rank, one after the other: the results by rank.

    What a rank raises is raised here as RankError; Deadlock if all wait for each other. All ranks
    get the same arguments, not copies.
    """
    world = World(n_ranks)
    results: list[Any] = [None] * n_ranks

    def run(rank: int) -> None:
        world.gates[rank].acquire()
        try:
            if world.error is None:
                results[rank] = function(SimulatedComm(world, rank), *args, **kwargs)
        except Stopped:
            pass
        except BaseException as error:
            world.stop(_error(rank, n_ranks, error), error)
        world.leave(rank)

    threads = [threading.Thread(target=run, args=(r,), daemon=True) for r in range(n_ranks)]
    for thread in threads:
        thread.start()
    world.gates[0].release()
    for thread in threads:
        thread.join()
    if world.error is not None:
        raise world.error from world.cause
    return results


class Stopped(BaseException):
    """Another rank has failed, or all wait."""


class World:
    """What the ranks share. Only the rank whose turn it is touches it."""

    def __init__(self, n_ranks: int) -> None:
        if n_ranks < 1:
            raise ValueError(f"There is no simulating {n_ranks} ranks: take at least one.")
        self.n_ranks = n_ranks
        self.gates = [threading.Semaphore(0) for _ in range(n_ranks)]
        self.waiting: list[tuple[Callable[[], str], Callable[[], bool]] | None] = [None] * n_ranks
        self.left = [False] * n_ranks
        self.error: RankError | None = None
        self.cause: BaseException | None = None
        self.meetings: dict[tuple, dict[int, Any]] = defaultdict(dict)  # contributions by rank
        self.outcomes: dict[tuple, list] = {}
        self.mail: dict[tuple, deque] = defaultdict(deque)  # by group, sender and receiver

    def wait_until(self, rank: int, condition: Callable[[], bool], what: Callable[[], str]) -> None:
        """Let others run until the condition holds."""
        if condition():
            return
        self.waiting[rank] = what, condition
        self._next(rank)
        self.gates[rank].acquire()
        if self.error is not None:
            raise Stopped
        self.waiting[rank] = None

    def leave(self, rank: int) -> None:
        """The rank's function has returned."""
        self.left[rank] = True
        if self.error is None:
            self._next(rank)

    def stop(self, error: RankError, cause: BaseException | None = None) -> None:
        """All ranks end where they wait."""
        if self.error is None:
            self.error, self.cause = error, cause
            for gate in self.gates:
                gate.release()

    def _next(self, rank: int) -> None:
        for step in range(1, self.n_ranks + 1):
            other = (rank + step) % self.n_ranks
            waits = self.waiting[other]
            if not self.left[other] and (waits is None or waits[1]()):
                self.gates[other].release()
                return
        if not all(self.left):
            self.stop(Deadlock("\n".join(["All ranks wait, none can go on:", *self._reasons()])))

    def _reasons(self) -> list[str]:
        reasons = ["has finished" if gone else "" for gone in self.left]
        for rank, waits in enumerate(self.waiting):
            if waits is not None and not self.left[rank]:
                reasons[rank] = f"waits {waits[0]()}"
        return [f"  rank {rank} {reason}" for rank, reason in enumerate(reasons)]


class SimulatedComm(Comm):
    """One of the ranks of a world, or of a group of them."""

    def __init__(self, world: World, rank: int, group: list[int] | None = None) -> None:
        group = list(range(world.n_ranks)) if group is None else group
        self.rank, self.n_ranks, self.group = group.index(rank), len(group), group
        self.world, self.me = world, rank
        self.traffic, self.n_calls, self.n_splits = Traffic(), 0, 0
        self.name: tuple = tuple(self.group)

    def split(self, groups: list[list[int]]) -> Comm:
        self.n_splits += 1
        mine = check_groups(groups, self.n_ranks, self.rank)
        part = SimulatedComm(self.world, self.me, [self.group[rank] for rank in mine])
        part.name = (self.name, self.n_splits, *part.group)
        return part

    def _start(self, op: str, x: Tensor | None, **options: Any) -> Pending:
        """Leave a copy at the meeting; the last one to come finds out what everybody gets."""
        place = (self.name, self.n_calls)
        self.n_calls += 1
        in_place, into = options.pop("in_place", False), options.pop("into", None)
        copy = None if x is None else x.clone()
        came = self.world.meetings[place]
        came[self.rank] = (op, copy, options)
        if len(came) == self.n_ranks:
            self.world.outcomes[place] = _outcome(came)
            came.update(dict.fromkeys(came))  # nobody needs the copies any more

        def finish() -> Tensor | None:
            here = self.world.outcomes
            self.world.wait_until(
                self.me, lambda: place in here, lambda: self._for_others(op, place)
            )
            result, here[place][self.rank] = here[place][self.rank], None
            target = x if in_place else into
            return result if target is None or result is None else target.copy_(result)

        return Pending(finish)

    def _for_others(self, op: str, place: tuple) -> str:
        missing = [r for r in range(self.n_ranks) if r not in self.world.meetings[place]]
        return f"in {op} for {_ranks(missing)}"

    def _start_send(self, x: Tensor, to: int) -> Pending:
        letter = {"x": x.clone(), "taken": False}
        self.world.mail[self.name, self.rank, to].append(letter)

        def finish() -> None:
            reason = f"in send for rank {to} to receive"
            self.world.wait_until(self.me, lambda: letter["taken"], lambda: reason)

        return Pending(finish)

    def _start_receive(self, into: Tensor, source: int) -> Pending:
        box = self.world.mail[self.name, source, self.rank]

        def finish() -> Tensor:
            reason = f"in receive for rank {source} to send"
            self.world.wait_until(self.me, lambda: bool(box), lambda: reason)
            letter = box.popleft()
            letter["taken"] = True
            return into.view(-1).copy_(letter["x"].view(-1)).view_as(into)

        return Pending(finish)

    def _start_exchange(self, x: Tensor, to: int, into: Tensor, source: int) -> Pending:
        sent, received = self._start_send(x, to), self._start_receive(into, source)
        return Pending(lambda: (received.wait(), sent.wait())[0])


def _outcome(came: dict[int, Any]) -> list[Tensor | None]:
    calls = [came[rank] for rank in sorted(came)]
    op, _, options = calls[0]
    if any(other != op for other, _, _ in calls):
        names = ", ".join(f"rank {r} in {name}" for r, (name, _, _) in enumerate(calls))
        raise RuntimeError(f"All ranks must call the same collectives in the same order: {names}.")
    kinds = [(x.dtype, tuple(x.shape)) for _, x, _ in calls if x is not None]
    if "send_rows" not in options and len(set(kinds)) > 1:
        given = ", ".join(f"rank {r} {dtype} {shape}" for r, (dtype, shape) in enumerate(kinds))
        raise RuntimeError(f"In {op} all ranks must give the same type and shape: {given}.")
    if "send_rows" in options:
        options = {"rows": [call[2]["send_rows"] for call in calls]}
    return ON_LISTS[op]([x for _, x, _ in calls], **options)


def _ranks(numbers: list[int]) -> str:
    return f"rank{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _error(rank: int, n_ranks: int, error: BaseException) -> RankError:
    where = shown(list(traceback.extract_tb(error.__traceback__)))
    return RankError(failure(rank, n_ranks, described(error), where), rank, error)
