"""Writes WARC files (ISO 28500): what was asked on the web and what was answered, byte for byte.

A record is a version line, headers, an empty line, a block of bytes, and two line ends. In a .gz
file every record is a gzip member of its own, so that one can be read without those before it.
"""

import base64
import hashlib
import uuid
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BufferedIOBase

VERSION = b"WARC/1.0"  # what Common Crawl writes


def digest(content: bytes) -> str:
    """The fingerprint that WARC files use: SHA-1 in base 32."""
    return f"sha1:{base64.b32encode(hashlib.sha1(content).digest()).decode()}"


def timestamp(seconds: int) -> str:
    """Seconds since 1970 as a WARC-Date: whole seconds, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record(
    kind: str,
    block: bytes,
    url: str | None = None,
    seconds: int = 0,
    headers: dict[str, str] | None = None,
) -> bytes:
    """One record. Its id is made from what it holds, so that equal records are equal bytes."""
    date, fingerprint = timestamp(seconds), digest(block)
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {url} {date} {fingerprint}")
    lines = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{name}>",
        "WARC-Date": date,
        **({"WARC-Target-URI": url} if url else {}),
        "WARC-Block-Digest": fingerprint,
        **(headers or {}),
        "Content-Length": str(len(block)),
    }
    for key, value in lines.items():
        if "\n" in value or "\r" in value:
            raise ValueError(
                f"The header {key} has a line end in it, which would end it: {value!r}."
            )
    head = b"".join(f"{key}: {value}\r\n".encode() for key, value in lines.items())
    return b"%b\r\n%b\r\n%b\r\n\r\n" % (VERSION, head, block)


class WarcWriter:
    """Writes records to an open binary file, compressed one by one unless told otherwise."""

    def __init__(self, file: BufferedIOBase, compress: bool = True):
        self.file, self.compress = file, compress

    def write(self, content: bytes) -> int:
        """Append a record made by `record`; the position where it ends."""
        if self.compress:
            packer = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: with a gzip header and trailer
            content = packer.compress(content) + packer.flush()
        self.file.write(content)
        self.file.flush()
        return self.file.tell()

    def warcinfo(self, about: Mapping[str, str], seconds: int = 0) -> int:
        """The record that opens a file: by what software, for whom, under which rules."""
        block = "".join(f"{key}: {value}\r\n" for key, value in about.items()).encode()
        headers = {"Content-Type": "application/warc-fields"}
        return self.write(record("warcinfo", block, seconds=seconds, headers=headers))

    def exchange(
        self,
        url: str,
        request: bytes,
        head: bytes,
        body: bytes,
        seconds: int = 0,
        truncated: str = "",
    ) -> int:
        """A request and the response to it, which names the request it answers.

        `head` is status line and header lines with the empty line behind them. `truncated` says
        why the body is not whole ("length").
        """
        asked = record("request", request, url, seconds, {"Content-Type": HTTP_REQUEST})
        headers = {
            "Content-Type": HTTP_RESPONSE,
            "WARC-Payload-Digest": digest(body),
            "WARC-Concurrent-To": record_id(asked),
            **({"WARC-Truncated": truncated} if truncated else {}),
        }
        self.write(asked)
        return self.write(record("response", head + body, url, seconds, headers))


HTTP_REQUEST = "application/http; msgtype=request"
HTTP_RESPONSE = "application/http; msgtype=response"


def record_id(content: bytes) -> str:
    """The WARC-Record-ID of a record made by `record`."""
    return content.partition(b"WARC-Record-ID: ")[2].partition(b"\r\n")[0].decode()
