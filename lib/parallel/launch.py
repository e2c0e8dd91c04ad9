"""Run a function on several ranks, each a process, from a notebook, a script or a test.

    def total(comm, x):
        return comm.all_reduce(torch.tensor(x + comm.rank)).item()

    launch(total, 4, 10)  # [46, 46, 46, 46]

The same line in a script that torchrun has started, on one machine or many, makes this process one
of the ranks. What ranks print is printed here, rank after rank.
"""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import wait
from typing import Any

import torch
import torch.distributed as dist

from lib.parallel.by_value import pack, unpack_result
from lib.parallel.errors import RankError, RankTimeout, failure
from lib.parallel.pool import START_LIMIT, RankProcess, end_ranks, the_pool
from lib.parallel.torch_comm import TorchComm

TIMEOUT = 120.0  # seconds
GRACE = 0.3  # seconds for the message that another rank has died, which explains an error
ANSWER = 3.0  # seconds for a busy rank to say where it is

_one_at_a_time = threading.Lock()


def launch(
    function: Callable,
    n_ranks: int,
    *args: Any,
    timeout: float | int = TIMEOUT,
    backend: str = "gloo",
    **kwargs: Any,
) -> list[Any]:
    """`function(comm, *args, **kwargs)` on every rank: the results by rank.

    RankError tells of the first rank that fails, RankTimeout of those that are busy after `timeout`
    seconds; the others are stopped. The first call starts the processes, later ones use them again.
    `backend` "nccl" gives every rank a GPU of its own. torchrun's number of ranks counts, not ours.
    """
    if _torchrun_started_us():
        return _as_one_of(function, args, kwargs, timeout, backend)
    _check(n_ranks, timeout, backend)
    parcel = pack((function, args, kwargs))
    with _one_at_a_time:
        call = _Call(parcel, n_ranks, float(timeout), backend)
        try:
            return call.results()
        except _Stale:
            end_ranks()  # the code on disk is newer than the processes
            return _Call(parcel, n_ranks, float(timeout), backend).results()


class _Stale(Exception):
    pass


class _Call:
    """One launch, from sending the function to the last result."""

    def __init__(self, parcel: bytes, n_ranks: int, timeout: float, backend: str) -> None:
        self.parcel, self.n_ranks, self.timeout, self.backend = parcel, n_ranks, timeout, backend
        self.pool = the_pool()
        self.found: dict[int, Any] = {}
        self.waiting_to_start = set(range(n_ranks))
        self.printed: list[list[tuple[str, str]]] = [[] for _ in range(n_ranks)]
        self.shown = 0  # ranks below have been printed to their end

    def results(self) -> list[Any]:
        self.ranks = self.pool.take(self.n_ranks)
        try:
            self._send_out()
            self._collect()
            for rank in self.ranks:
                rank.connection.send(("leave",))
        except BaseException:  # also Ctrl-C
            self.pool.drop(list(range(self.n_ranks)))
            raise
        return [self.found[rank] for rank in range(self.n_ranks)]

    def _send_out(self) -> None:
        header = {
            "n_ranks": self.n_ranks,
            "backend": self.backend,
            "meeting": self.pool.new_meeting(),
            "timeout": self.timeout,
            "environment": _environment(),
            "folder": os.getcwd(),
            "path": sys.path,
        }
        for rank in self.ranks:
            rank.connection.send(("run", header, self.parcel))

    def _collect(self) -> None:
        deadline = time.monotonic() + START_LIMIT + self.timeout
        while len(self.found) < self.n_ranks:
            messages = self._messages(deadline - time.monotonic())
            if messages is None:
                self._give_up()
            was_starting = bool(self.waiting_to_start)
            failed = [self._take(rank, message) for rank, message in messages]
            if any(failed):
                self._fail([f for f in failed if f])
            if was_starting and not self.waiting_to_start:  # the time counts from here
                deadline = time.monotonic() + self.timeout
            self._print()

    def _messages(self, seconds: float) -> list[tuple[int, tuple]] | None:
        """What unfinished ranks have to say, one message each; None after so many seconds."""
        unfinished = {self.ranks[r].connection: r for r in range(self.n_ranks)}
        for rank in self.found:
            unfinished.pop(self.ranks[rank].connection)
        ready = wait(list(unfinished), max(seconds, 0.0))
        messages = [(unfinished[c], _received(self.ranks[unfinished[c]])) for c in ready]
        return sorted(messages, key=lambda pair: pair[0]) or None

    def _take(self, rank: int, message: tuple) -> tuple[int, tuple] | None:
        """Note it; a failure is handed back."""
        kind, *content = message
        if kind == "stale":
            raise _Stale
        if kind == "started":
            self.waiting_to_start.discard(rank)
        elif kind == "printed":
            self.printed[rank] += [(content[0], line) for line in content[1]]
        elif kind == "done":
            self.found[rank] = unpack_result(content[0])
        elif kind in ("failed", "died"):
            return rank, message
        return None

    def _fail(self, failed: list[tuple[int, tuple]]) -> None:
        """Raise for the rank that failed first: one that died, or else the first to say so."""
        ended = time.monotonic() + GRACE
        silent = {rank for rank, _ in failed}
        while (left := ended - time.monotonic()) > 0 and not any(m[0] == "died" for _, m in failed):
            for rank, message in self._messages(left) or []:
                again = self._take(rank, message) if rank not in silent else None
                failed += [again] if again else []
                silent |= {rank} if again else set()
        rank, message = next((pair for pair in failed if pair[1][0] == "died"), failed[0])
        self._print(everything=True)
        others = [r for r in range(self.n_ranks) if r != rank and r not in self.found]
        stopped = f"Stopped with it: {_names(others)}." if others else ""
        if message[0] == "died":
            status = self.pool.drop([rank])[rank]
            line = f"the process ended without an answer ({_ending(status)})"
            raise RankError(failure(rank, self.n_ranks, line, "", stopped), rank)
        _, line, place, itself = message
        raise RankError(failure(rank, self.n_ranks, line, place, stopped), rank, _loaded(itself))

    def _give_up(self) -> None:
        """Ask the busy ranks where they are, and say so."""
        busy = [rank for rank in range(self.n_ranks) if rank not in self.found]
        places = [f"Rank {rank} is busy:\n{self._place(rank)}" for rank in busy]
        self._print(everything=True)
        done = f"Finished: {_names(sorted(self.found))}." if self.found else "None has finished."
        way_out = "If they only need longer, give launch more time with timeout=seconds."
        limit = f"{self.timeout:g} s are over and {_names(busy)} of {self.n_ranks} still busy."
        raise RankTimeout("\n".join([limit, done, *places, way_out]), busy[0])

    def _place(self, rank: int) -> str:
        process = self.ranks[rank]
        ended = time.monotonic() + ANSWER
        try:
            process.connection.send(("where",))
            while process.connection.poll(max(ended - time.monotonic(), 0.0)):
                message = process.connection.recv()
                if message[0] == "where":
                    return message[1]
                self._take(rank, message)
        except (EOFError, OSError):
            return "  it has just ended"
        return "  it does not answer, so it is outside of Python"

    def _print(self, everything: bool = False) -> None:
        """Rank 0 as it goes, each next one when those before it are done."""
        while self.shown < self.n_ranks:
            for stream, line in self.printed[self.shown]:
                print(f"rank {self.shown}: {line}", file=getattr(sys, stream))
            self.printed[self.shown] = []
            if self.shown not in self.found and not everything:
                break
            self.shown += 1


def _received(rank: RankProcess) -> tuple:
    try:
        return rank.connection.recv()
    except (EOFError, OSError):
        return ("died",)


def _loaded(data: bytes) -> BaseException | None:
    try:
        return unpack_result(data)
    except Exception:
        return None


def _names(ranks: list[int]) -> str:
    return f"rank{'s' * (len(ranks) != 1)} {', '.join(map(str, ranks))}"


def _ending(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _environment() -> dict[str, str]:
    """Ours, with the loopback for gloo: ranks of one machine need no other network."""
    here = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    return {**({"GLOO_SOCKET_IFNAME": here} if here else {}), **os.environ}


def _check(n_ranks: int, timeout: float | int, backend: str) -> None:
    if n_ranks < 1:
        raise ValueError(f"Somebody has to do the work, and n_ranks is {n_ranks}. Take at least 1.")
    if timeout <= 0:
        raise ValueError(f"timeout is the number of seconds the ranks have, not {timeout}.")
    if backend not in ("gloo", "nccl"):
        raise ValueError(f"The backend is gloo, on CPUs, or nccl, on GPUs, not {backend!r}.")
    if backend == "nccl" and torch.cuda.device_count() < n_ranks:
        raise ValueError(
            f"nccl needs a GPU for every rank: {n_ranks} ranks, {torch.cuda.device_count()} GPUs. "
            "Use gloo, or fewer ranks."
        )


# Where torchrun has started the processes


def _torchrun_started_us() -> bool:
    return all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))


def _as_one_of(
    function: Callable, args: tuple, kwargs: dict, timeout: float | int, backend: str
) -> list[Any]:
    """This process is a rank: the results of all. An exception is torchrun's to deal with."""
    if not dist.is_initialized():
        if backend == "nccl":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group(backend, timeout=timedelta(seconds=timeout))
        atexit.register(dist.destroy_process_group)
    comm = TorchComm()
    results: list[Any] = [None] * comm.n_ranks
    dist.all_gather_object(results, function(comm, *args, **kwargs))
    return results
