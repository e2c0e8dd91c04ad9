"""Cuts a Python process, and every Python it starts, off from all machines but this one.

Python imports a module of this name at every start. With this folder first in PYTHONPATH, which
`run.py test` and `conftest.py` take care of, that is this one: so the guard also stands in the
kernels of notebooks and in their worker processes. Lectures must run with the network off.
"""

import importlib.machinery
import importlib.util
import ipaddress
import os
import socket
import sys

ASKS = {"socket.getaddrinfo", "socket.gethostbyname"}
SENDS = {"socket.connect", "socket.sendto", "socket.sendmsg"}


class NetworkBlocked(ConnectionError):
    """Something tried to reach another machine during a test."""


def is_here(host: object) -> bool:
    """Whether a host name or address means this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def refuse_others(event: str, arguments: tuple) -> None:
    """The audit hook: raises before the operating system is asked to do anything."""
    if event in ASKS:
        host = arguments[0]
    elif event in SENDS and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
        if not arguments[1]:  # a connected socket sends to where it was connected
            return
        host = arguments[1][0]
    else:
        return
    if not is_here(host):
        raise NetworkBlocked(f"Tests and lectures run offline: no connection to {host!r} is made.")


def install() -> None:
    """Put the guard up, once per process. It cannot be taken down again."""
    if not getattr(sys, "loopback_only", False):
        sys.loopback_only = True
        sys.addaudithook(refuse_others)


def chain() -> None:
    """Run the sitecustomize that this one hides, if an environment has its own."""
    here = os.path.dirname(os.path.abspath(__file__))
    others = [folder for folder in sys.path if os.path.abspath(folder) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec and spec.loader:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if __name__ == "sitecustomize":
    install()
    chain()
