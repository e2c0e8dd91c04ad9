"""Work done in a process of its own, because Triton decides once per process what `@jit` means.

A process either interprets kernels or compiles them. Whoever needs the other kind asks a worker: a
child process that is started at the first call, stays, and ends with this one. Starting takes a
few seconds, mostly for importing torch; a later call takes milliseconds.
"""

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from typing import Any

from torch import Tensor

from lib.kernels.language import NoTriton, has_triton
from lib.kernels.pickling import dumps, loads
from lib.kernels.shipping import pack

ENVIRONMENTS = {
    "interpret": {"TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""},
    "compile": {"TRITON_INTERPRET": "0"},
}
START = 120.0  # seconds to import torch and Triton, on a machine that does other things too


class ChildError(RuntimeError):
    """An exception of the child that cannot be made again here: its kind and words are in this."""


def call_in_child(
    environment: str,
    function: Callable,
    args: tuple,
    kwargs: dict[str, Any],
    *,
    limit: float,
    name: str,
) -> Any:
    """What `function(*args, **kwargs)` returns in the worker of "interpret" or of "compile".

    What it prints is printed here, and what it raises is raised here, with a note on where. After
    `limit` seconds the worker is ended and TimeoutError raised; the next call starts another one.
    Errors call the work `name`. Tensors that are changed in place are changed here too.
    """
    if not has_triton():
        raise NoTriton
    worker = _workers.setdefault(environment, Worker(environment))
    order = dumps((pack(function), args, kwargs))
    return worker.call(order, _tensors(args, kwargs), limit, name)


class Worker:
    """One child process, started when it is first needed."""

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self.process: subprocess.Popen | None = None
        self.connection: Connection | None = None
        self.lock = threading.Lock()

    def start(self) -> None:
        self.connection, theirs = Pipe()
        variables = {**os.environ, "OMP_NUM_THREADS": "1", **ENVIRONMENTS[self.environment]}
        command = [sys.executable, "-m", "lib.kernels.child_main", str(theirs.fileno())]
        self.process = subprocess.Popen(
            command, env=variables, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        self._answer(dumps(sys.path), START, "the start of a process for kernels")

    def call(self, order: bytes, tensors: list[Tensor], limit: float, name: str) -> Any:
        with self.lock:
            try:
                if self.process is None or self.process.poll() is not None:
                    self.end()
                    self.start()
                answer = self._answer(order, limit, name)
            except BaseException:  # also Ctrl-C: an answer that comes later is nobody's
                self.end()
                raise
        sys.stdout.write(answer["printed"])
        if answer["error"] is not None:
            raise _exception(answer["error"], self.environment)
        for tensor, changed in zip(tensors, answer["changed"]):
            if changed is not None:
                tensor.detach().copy_(changed)
        return answer["result"]

    def _answer(self, order: bytes, limit: float, name: str) -> Any:
        try:
            self.connection.send_bytes(order)
            if self.connection.poll(limit):
                return loads(self.connection.recv_bytes())
        except (EOFError, ConnectionError):
            status = self.process.wait()
            raise ChildError(
                f"The process that ran {name} ended without an answer (status {status}; a negative "
                "one is the number of a signal, 11 for an invalid address). Its own message, if it "
                "left one, is above."
            ) from None
        raise TimeoutError(
            f"{name} took longer than {limit:g} s and was stopped. Give it smaller tensors (in the "
            "interpreter a program takes about a millisecond), or more time with limit=seconds."
        )

    def end(self) -> None:
        """Stop the process, whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.connection.close()
        self.process = None


_workers: dict[str, Worker] = {}


@atexit.register
def end_all() -> None:
    """End every worker. Those of a process that is killed notice it and end by themselves."""
    for worker in _workers.values():
        worker.end()


def _tensors(args: tuple, kwargs: dict[str, Any]) -> list[Tensor]:
    return [x for x in [*args, *kwargs.values()] if isinstance(x, Tensor)]


def _exception(error: dict[str, Any], environment: str) -> BaseException:
    """What the child raised, or a ChildError in its place."""
    try:
        exception = loads(error["pickled"])
    except Exception:
        exception = ChildError(f"{error['kind']}: {error['message']}")
    if error["traceback"]:
        exception.add_note(f"In the process that {environment}s kernels:\n{error['traceback']}")
    return exception
