"""What a rank does until its parent ends: it runs functions, one after the other.

Messages to the parent: ("started",), ("printed", stream, text), ("done", result),
("failed", line, place, exception), ("stale",), ("where", place).
"""

import os
import queue
import random
import signal
import sys
import threading
import traceback
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.distributed as dist

from lib.parallel.by_value import pack_result, unpack, why_missing
from lib.parallel.errors import described, shown
from lib.parallel.torch_comm import TorchComm

ALLOWANCE = 3600.0  # seconds beyond the parent's time limit, which is the one that counts


class Link:
    """The connection to the parent, which several threads use."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.lock = connection, threading.Lock()

    def send(self, *message: Any) -> None:
        with self.lock:
            self.connection.send(message)


class Printer:
    """Stands in for standard output: whole lines go to the parent, which prints them."""

    encoding = "utf-8"

    def __init__(self, link: Link, stream: str) -> None:
        self.link, self.stream, self.rest = link, stream, ""

    def write(self, text: str) -> int:
        *lines, self.rest = (self.rest + text).split("\n")
        if lines:
            self.link.send("printed", self.stream, lines)
        return len(text)

    def flush(self) -> None:
        """Nothing: a line goes as soon as it ends."""

    def finish(self) -> None:
        if self.rest:
            self.write("\n")

    def isatty(self) -> bool:
        return False


def serve(connection: Connection, rank: int) -> None:
    """Run what the parent sends, until it is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    link, orders = Link(connection), queue.SimpleQueue()
    note_versions()
    me = threading.get_ident()
    threading.Thread(target=_listen, args=(link, orders, me), daemon=True).start()
    while True:
        kind, *order = orders.get()
        if kind == "run":
            _run(link, rank, *order)
        elif dist.is_initialized():  # not before all are done: others may still be reading
            dist.destroy_process_group()


def _listen(link: Link, orders: queue.SimpleQueue, main_thread: int) -> None:
    """In a thread of its own, because the main one may be busy."""
    while True:
        try:
            message = link.connection.recv()
        except (EOFError, OSError):
            os._exit(1)  # the parent has ended
        if message[0] == "where":
            frame = sys._current_frames()[main_thread]
            link.send("where", shown(list(traceback.extract_stack(frame))))
        else:
            orders.put(message)


def _run(link: Link, rank: int, header: dict[str, Any], parcel: bytes) -> None:
    _take_over(header)
    if _is_stale():
        link.send("stale")
        return
    sys.stdout, sys.stderr = Printer(link, "stdout"), Printer(link, "stderr")
    try:
        _join(rank, header)
        function, args, kwargs = unpack(parcel)
        link.send("started")  # what was sent may need modules that take seconds to import
        result = pack_result(function(TorchComm(), *args, **kwargs))
    except BaseException as error:
        _report(link, error)  # and stay in the group, or the others fail too
    else:
        _finish_printing()
        link.send("done", result)
        note_versions()


def _take_over(header: dict[str, Any]) -> None:
    """As if this process had just been started by the parent, with the same seed in every rank."""
    os.environ.clear()
    os.environ.update(header["environment"])
    os.chdir(header["folder"])
    sys.path[:] = header["path"]
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.manual_seed(0)
    random.seed(0)


def _join(rank: int, header: dict[str, Any]) -> None:
    backend, n_ranks = header["backend"], header["n_ranks"]
    if backend == "nccl":
        torch.cuda.set_device(rank)
    limit = timedelta(seconds=header["timeout"] + ALLOWANCE)
    store = dist.FileStore(header["meeting"], n_ranks)
    dist.init_process_group(backend, store=store, rank=rank, world_size=n_ranks, timeout=limit)


def _report(link: Link, error: BaseException) -> None:
    line = described(error)
    if isinstance(error, NameError) and why_missing(error.name or ""):
        line += f" (it could not travel to the ranks: {why_missing(error.name)})"
    place = shown(list(traceback.extract_tb(error.__traceback__)))
    try:
        itself = pack_result(error)
    except Exception:
        itself = b""
    _finish_printing()
    link.send("failed", line, place, itself)


def _finish_printing() -> None:
    for printer in (sys.stdout, sys.stderr):
        if isinstance(printer, Printer):
            printer.finish()


_versions: dict[str, float] = {}  # of the files of our modules: when they had been changed last


def note_versions() -> None:
    """Remember what the modules that are new here looked like on disk."""
    outside = (sys.base_prefix + os.sep, sys.prefix + os.sep + "lib", "<")
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or "<"
        if file not in _versions and not file.startswith(outside) and "site-packages" not in file:
            _versions[file] = _changed(file)


def _is_stale() -> bool:
    return any(_changed(file) != version for file, version in _versions.items())


def _changed(file: str) -> float:
    try:
        return os.stat(file).st_mtime
    except OSError:
        return 0.0
