"""Serves a little web on this machine: all its hosts on one port, told apart by the Host header.

    with serving(LittleWeb()) as server:
        client = HttpClient(agent, connect=server.connect)

It answers from memory, in a thread of its own, and writes down who asked for what and when.
"""

import asyncio
import gzip
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

from lib.corpora.little_web import LittleWeb
from lib.corpora.web_truth import Page

MAX_HEAD = 1 << 16


class Request(NamedTuple):
    """A line of the server's log: when the request came, and when it was answered."""

    seconds: float
    answered: float
    url: str
    agent: str
    status: int


@dataclass
class WebServer:
    """The server; `start` it inside an event loop, or use `serving` from anywhere."""

    web: LittleWeb
    latency: float = 0.0  # seconds before every answer
    clock: Callable[[], float] = time.monotonic
    log: list[Request] = field(default_factory=list)
    port: int = 0

    def connect(self, host: str, port: int) -> tuple[str, int]:
        """For HttpClient: whatever the host, the server is here."""
        return "127.0.0.1", self.port

    async def start(self) -> asyncio.Server:
        self.n_asked: Counter[str] = Counter()
        server = await asyncio.start_server(
            self._connection, "127.0.0.1", self.port, limit=MAX_HEAD
        )
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, and the connection is closed."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            came = self.clock()
            url, agent = address(head)
            page = self.web.respond(url, self.n_asked[url])
            self.n_asked[url] += 1
            await asyncio.sleep(self.latency)
            await send(writer, page)
            self.log.append(Request(came, self.clock(), url, agent, page.status))
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the other side is gone, or sends no HTTP
        finally:
            writer.close()


def address(head: bytes) -> tuple[str, str]:
    """The address that a request is for, and who asks."""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    target = first.split(" ")[1] if " " in first else "/"
    return f"http://{headers.get('host', '')}{target}", headers.get("user-agent", "")


async def send(writer: asyncio.StreamWriter, page: Page) -> None:
    """Write an answer, in the page's manner."""
    body, headers = page.body, dict(page.headers)
    if page.manner == "hang":
        await asyncio.sleep(3600)
    if page.manner == "gzip":
        body = gzip.compress(body, mtime=0)
        headers["Content-Encoding"] = "gzip"
    if page.manner == "chunked":
        headers["Transfer-Encoding"] = "chunked"
        pieces = [body[i : i + 500] for i in range(0, len(body), 500)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    else:
        headers["Content-Length"] = str(len(body))
    if page.manner == "cut":
        body = body[: len(body) // 2]
    reason = HTTPStatus(page.status).phrase
    lines = [f"HTTP/1.1 {page.status} {reason}", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write(
        "".join(f"{line}\r\n" for line in [*lines, "Connection: close", ""]).encode() + body
    )
    await writer.drain()


@contextmanager
def serving(web: LittleWeb, latency: float = 0.0) -> Iterator[WebServer]:
    """A server in a thread of its own, for as long as the block runs."""
    server, loop = WebServer(web, latency), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="little web", daemon=True)
    thread.start()
    # Started in there, since notebooks have a loop of their own running in this thread.
    listening = asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(listening.close)
        asyncio.run_coroutine_threadsafe(_stop_all(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _stop_all() -> None:
    """End the connections that still hang."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
