"""One HTTP request over a fresh connection, with limits on everything that a server can overdo.

asyncio's streams and the standard library, no more: enough for reading pages, and every step can be
seen. What arrives is kept as it was sent, except that transfer codings are undone (as in Common
Crawl's files, where the header then gets the name X-Crawler-...).
"""

import asyncio
import ssl
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_HEAD = 1 << 16  # bytes of status line and headers
Headers = list[tuple[str, str]]
Connect = Callable[[str, int], tuple[str, int]]


class FetchError(Exception):
    """There was no whole answer: why."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer. `truncated` is "length" where the body was cut at the limit."""

    url: str
    status: int
    headers: Headers
    body: bytes
    request: bytes = b""
    truncated: str = ""

    def header(self, name: str, default: str = "") -> str:
        """The first header of this name, written in any way."""
        return next((value for key, value in self.headers if key.lower() == name), default)

    @property
    def head(self) -> bytes:
        """Status line and headers as a WARC file keeps them."""
        lines = [f"HTTP/1.1 {self.status} ", *(f"{key}: {value}" for key, value in self.headers)]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1", "replace")


@dataclass(frozen=True, slots=True)
class HttpClient:
    """Fetches pages. `connect` may send requests elsewhere: to a server on this machine."""

    agent: str
    timeout: float = 20.0  # seconds for the whole answer
    max_bytes: int = 1 << 20  # of the body, unpacked
    connect: Connect | None = None

    async def get(self, url: str, wanted: Callable[[Fetched], bool] = lambda _: True) -> Fetched:
        """The answer to one GET; its body is left where it is if `wanted` says no to the head.

        Raises FetchError where no whole answer came in time.
        """
        try:
            return await asyncio.wait_for(self._get(url, wanted), self.timeout)
        except TimeoutError:
            raise FetchError(f"no answer within {self.timeout:g} s") from None
        except (OSError, EOFError, ValueError, zlib.error) as error:  # refused, reset, nonsense
            raise FetchError(f"{type(error).__name__}: {error}") from error

    async def _get(self, url: str, wanted: Callable[[Fetched], bool]) -> Fetched:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host, port = (self.connect or (lambda *place: place))(parts.hostname or "", port)
        secure = ssl.create_default_context() if parts.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            host,
            port,
            ssl=secure,
            server_hostname=parts.hostname if secure else None,
            limit=MAX_HEAD,
        )
        try:
            request = self.request(parts.netloc, parts.path or "/", parts.query)
            writer.write(request)
            await writer.drain()
            answer = await read_head(reader, url, request)
            if not wanted(answer):
                return answer
            return await self._with_body(reader, answer)
        finally:
            writer.close()

    def request(self, host: str, path: str, query: str) -> bytes:
        target = f"{path}?{query}" if query else path
        lines = (f"GET {target} HTTP/1.1", f"Host: {host}", f"User-Agent: {self.agent}")
        others = (
            "Accept: text/html, text/plain;q=0.5",
            "Accept-Encoding: gzip",
            "Connection: close",
        )
        return "".join(f"{line}\r\n" for line in (*lines, *others, "")).encode("ascii", "replace")

    async def _with_body(self, reader: asyncio.StreamReader, answer: Fetched) -> Fetched:
        """The answer with its body, transfer and content codings undone, at most `max_bytes`."""
        length = answer.header("content-length")
        if answer.header("transfer-encoding").lower() == "chunked":
            body = await read_chunks(reader, self.max_bytes + 1)
        elif length.isdecimal():
            body = await reader.readexactly(min(int(length), self.max_bytes + 1))
        else:
            body = await read_up_to(reader, self.max_bytes + 1)
        if answer.header("content-encoding").lower() in ("gzip", "x-gzip", "deflate"):
            body = zlib.decompressobj(47).decompress(body, self.max_bytes + 1)  # 47: either format
        truncated = "length" if len(body) > self.max_bytes else ""
        body = body[: self.max_bytes]
        return Fetched(
            answer.url,
            answer.status,
            decoded(answer.headers, body),
            body,
            answer.request,
            truncated,
        )


async def read_head(reader: asyncio.StreamReader, url: str, request: bytes) -> Fetched:
    """Status and headers."""
    try:
        block = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise ValueError(f"more than {MAX_HEAD:,} bytes of headers") from error
    first, *lines = block[:-4].decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/") or not (status.isascii() and status.isdecimal()):
        raise ValueError(f"no HTTP answer: {first[:40]!r}")
    pairs = (line.partition(":") for line in lines)
    headers = [(name.strip(), value.strip()) for name, _, value in pairs]
    return Fetched(url, int(status), headers, b"", request)


async def read_up_to(reader: asyncio.StreamReader, limit: int) -> bytes:
    """All that comes until the connection ends, or the limit."""
    parts, size = [], 0
    while size < limit and (part := await reader.read(limit - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


async def read_chunks(reader: asyncio.StreamReader, limit: int) -> bytes:
    """A body that is sent in pieces, each with its length in front, until one of length zero."""
    parts, size = [], 0
    while size < limit:
        length = int((await reader.readline()).partition(b";")[0], 16)
        if length <= 0:
            break
        parts.append(await reader.readexactly(min(length, limit - size)))
        size += len(parts[-1])
        if size < limit:
            await reader.readexactly(2)
    return b"".join(parts)


def decoded(headers: Headers, body: bytes) -> Headers:
    """Headers that suit the body as it is now; what held on the way is kept under X-Crawler-."""
    kept = []
    for name, value in headers:
        changed = name.lower() in ("transfer-encoding", "content-encoding", "content-length")
        kept.append((f"X-Crawler-{name}" if changed else name, value))
    return [*kept, ("Content-Length", str(len(body)))]
