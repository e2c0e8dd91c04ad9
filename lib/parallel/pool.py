"""Rank processes that are started once and stay for the next call.

On Linux they are copies of a fork server; elsewhere each is started afresh, which takes some
seconds the first time. A script needs no `if __name__ == "__main__":` for them.
"""

import atexit
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from lib.parallel.errors import RankError

FORKS = sys.platform == "linux"  # elsewhere copies of a process that knows torch may crash
START_LIMIT = 180.0  # seconds for importing torch, on a machine that is very busy


class RankProcess:
    """One process and the connection to it."""

    def __init__(self, connection: Connection, pid: int, starter: "Forking | Spawning") -> None:
        self.connection, self.pid, self.starter = connection, pid, starter

    def end(self) -> int:
        """Stop it, whatever it does: its exit status, or minus the signal's number."""
        status = self.starter.end(self.pid)
        self.connection.close()
        return status


class Forking:
    """Ranks are copies of a fork server, which removes the folder if this process is killed."""

    def __init__(self, folder: str) -> None:
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(START_LIMIT)
        program = (
            f"import sys; sys.path[:] = {sys.path!r}; from lib.parallel.fork_server import main; "
            f"main({theirs.fileno()}, {folder!r})"
        )
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, **threads},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is not for them
        )
        theirs.close()
        if self.channel.recv(100) != b"ready":
            raise RankError("The process that starts ranks ended at once. What it said is above.")

    def start(self, rank: int) -> RankProcess:
        ours, theirs = Pipe()
        socket.send_fds(self.channel, [f"fork {rank}".encode()], [theirs.fileno()])
        theirs.close()
        return RankProcess(ours, int(self.channel.recv(100)), self)

    def end(self, pid: int) -> int:
        with suppress(ProcessLookupError):  # it stays a zombie until we ask, so the id is still its
            os.kill(pid, signal.SIGKILL)
        try:
            self.channel.sendall(f"status {pid}".encode())
            return int(self.channel.recv(100))
        except (OSError, ValueError):  # the server was killed too
            return -signal.SIGKILL

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        self.channel.close()
        self.process.wait()


class Spawning:
    """Every rank is a new Python."""

    def __init__(self) -> None:
        self.processes: dict[int, multiprocessing.process.BaseProcess] = {}

    def start(self, rank: int) -> RankProcess:
        from lib.parallel.rank_process import serve

        ours, theirs = Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(theirs, rank), daemon=True
        )
        with _main_hidden():
            process.start()
        theirs.close()
        self.processes[process.pid] = process
        return RankProcess(ours, process.pid, self)

    def end(self, pid: int) -> int:
        process = self.processes.pop(pid)
        process.kill()
        process.join()
        return process.exitcode

    def is_alive(self) -> bool:
        return True

    def close(self) -> None:
        for pid in list(self.processes):
            self.end(pid)


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Else a spawned process would run the script again, to find there what it needs."""
    main = sys.modules["__main__"]
    hidden = {k: vars(main).pop(k) for k in ("__file__", "__spec__") if k in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(hidden)


class Pool:
    """All rank processes of this process; rank r is always the same one, as long as it lives."""

    def __init__(self) -> None:
        self.parent = os.getpid()
        self.folder = tempfile.mkdtemp(prefix="ranks-")
        self.starter = Forking(self.folder) if FORKS else Spawning()
        self.ranks: dict[int, RankProcess] = {}
        self.n_meetings = 0

    def new_meeting(self) -> str:
        """The file through which the ranks of a call find each other: no port to be taken away."""
        before = Path(self.folder, str(self.n_meetings))
        before.unlink(missing_ok=True)
        self.n_meetings += 1
        return str(before.with_name(str(self.n_meetings)))

    def take(self, n_ranks: int) -> list[RankProcess]:
        """The first ranks, started where they are missing."""
        for rank in range(n_ranks):
            if rank in self.ranks and self.ranks[rank].connection.poll():
                self.drop([rank])  # nobody asked it anything, so this is its end
            if rank not in self.ranks:
                self.ranks[rank] = self.starter.start(rank)
        return [self.ranks[rank] for rank in range(n_ranks)]

    def drop(self, ranks: list[int]) -> dict[int, int]:
        """End these: their exit statuses."""
        return {rank: self.ranks.pop(rank).end() for rank in ranks if rank in self.ranks}

    def close(self) -> None:
        """End all."""
        for rank in self.ranks.values():
            rank.connection.close()
        self.ranks.clear()
        self.starter.close()
        shutil.rmtree(self.folder, ignore_errors=True)


_pool: Pool | None = None


def the_pool() -> Pool:
    """The pool of this process."""
    global _pool
    if _pool is not None and _pool.parent == os.getpid() and not _pool.starter.is_alive():
        end_ranks()
    if _pool is None or _pool.parent != os.getpid():  # a copy of a process has no ranks of its own
        _pool = Pool()
    return _pool


@atexit.register
def end_ranks() -> None:
    """End all rank processes; the next launch starts new ones. Happens by itself at exit."""
    global _pool
    pool, _pool = _pool, None
    if pool is not None and pool.parent == os.getpid():
        pool.close()
