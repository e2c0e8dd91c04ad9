"""A process that has imported torch, does nothing, and is copied whenever a rank is needed.

Copying takes milliseconds, importing torch more than a second. A copy of a process in which other
threads run may hang; this one has none, unlike a notebook's. It ends with the process that started
it, and takes all ranks along.
"""

import os
import shutil
import signal
import socket
from contextlib import suppress
from multiprocessing.connection import Connection

from lib.parallel.rank_process import note_versions, serve


def main(descriptor: int, folder: str) -> None:
    """Obey "fork RANK", which comes with the descriptor of a connection, and "status PID"."""
    channel = socket.socket(fileno=descriptor)
    children: set[int] = set()
    note_versions()
    channel.sendall(b"ready")
    while True:
        message, descriptors, *_ = socket.recv_fds(channel, 100, 1)
        if not message:
            break
        command, number = message.decode().split()
        if command == "fork":
            answer = _fork(int(number), descriptors[0], channel)
            children.add(answer)
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(int(number), 0)[1])
            children.discard(int(number))
        channel.sendall(str(answer).encode())
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _fork(rank: int, descriptor: int, channel: socket.socket) -> int:
    child = os.fork()
    if child:
        os.close(descriptor)
        return child
    channel.close()  # else the end of the parent would go unnoticed
    try:
        serve(Connection(descriptor), rank)
    finally:
        os._exit(1)
