"""The other side of child: what the worker process does until its parent ends.

    python -m lib.kernels.child_main DESCRIPTOR

Orders and answers are pickles on a connection; standard output is for nothing but accidents.
"""

import contextlib
import io
import os
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lib.kernels.pickling import dumps, loads
from lib.kernels.shipping import unpack

MACHINERY = ("child_main.py", "interpret.py", "compile_to.py", "recorder.py")


def main(descriptor: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    torch.set_num_threads(1)
    connection = Connection(descriptor)
    with contextlib.suppress(EOFError, ConnectionError):
        sys.path[:] = loads(connection.recv_bytes())
        connection.send_bytes(dumps("ready"))
        while True:
            connection.send_bytes(_done(connection.recv_bytes()))


def _done(order: bytes) -> bytes:
    """The answer to one order."""
    printed = io.StringIO()
    answer: dict[str, Any] = {"result": None, "changed": [], "error": None}
    try:
        with contextlib.redirect_stdout(printed):
            parcel, args, kwargs = loads(order)
            function = unpack(parcel)
            tensors = [x for x in [*args, *kwargs.values()] if isinstance(x, Tensor)]
            before = [_bytes(x) for x in tensors]
            answer["result"] = function(*args, **kwargs)
            pairs = zip(tensors, before)
            answer["changed"] = [None if torch.equal(_bytes(x), old) else x for x, old in pairs]
            return dumps(answer | {"printed": printed.getvalue()})
    except BaseException as error:
        answer = {"result": None, "changed": [], "error": _described(error)}
        return dumps(answer | {"printed": printed.getvalue()})


def _bytes(x: Tensor) -> Tensor:
    return x.detach().reshape(-1).clone().view(torch.uint8)


def _described(error: BaseException) -> dict[str, Any]:
    """Its kind, words and place, and itself if it can be pickled."""
    while type(error).__name__ == "InterpreterError" and error.__cause__ is not None:
        error = error.__cause__  # the interpreter wraps what a kernel raises into text
    pickled = b""
    with contextlib.suppress(Exception):
        pickled = dumps(error)
        loads(pickled)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _of_user(frame)]
    return {
        "pickled": pickled,
        "kind": type(error).__name__,
        "message": str(error) or repr(error),
        "traceback": "".join(traceback.format_list(frames[-6:])).rstrip(),
    }


def _of_user(frame: traceback.FrameSummary) -> bool:
    """Neither of the machinery between the user's function and the kernel, nor of a package."""
    folder, name = Path(frame.filename).parent, Path(frame.filename).name
    machinery = folder == Path(__file__).parent and name in MACHINERY
    return not machinery and "site-packages" not in folder.parts


def _end_with_parent(parent: int) -> None:
    """A parent that is killed says nothing; its child is then given to another."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
