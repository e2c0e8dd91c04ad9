"""Reads WARC files: gzip member by gzip member, or plain.

Nothing is lost in silence: what cannot be read is counted, with its place and the reason, and
reading goes on at the next record that can.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BufferedIOBase, BytesIO
from os import PathLike

from lib.corpora.warc_write import digest

CHUNK = 1 << 14  # bytes read at a time: what follows a member is copied once, so not too many
MAX_RECORD = 1 << 28  # bytes; a small file can unpack to a very large one
MAX_HEAD = 1 << 20
MEMBER = b"\x1f\x8b\x08"
START = b"WARC/"
ENDS = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})(?=\r\n)", re.I)
VERSION_LINE = re.compile(rb"WARC/\d\.\d+\r\n")
KIND = re.compile(rb"\r\nwarc-type:[ \t]*(\w+)", re.I)


@dataclass(slots=True, frozen=True)
class Damage:
    """Bytes from `start` up to `end` of the file that are no record, and why."""

    start: int
    end: int
    reason: str


@dataclass
class Record:
    """A record: its headers, unparsed until they are asked for, and its block."""

    head: bytes
    block: bytes
    offset: int  # in the file, where its gzip member begins

    @cached_property
    def headers(self) -> dict[str, str]:
        """Names in lower case, since they may be written in any way."""
        lines = self.head.decode("utf-8", "replace").replace("\r\n ", " ").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines)
        return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}

    @property
    def kind(self) -> str:
        """ "response", "conversion", "warcinfo" ...: found without parsing the headers."""
        found = KIND.search(self.head)
        return found[1].decode() if found else ""

    @property
    def url(self) -> str:
        """Some old writers put it between angle brackets."""
        return self.headers.get("warc-target-uri", "").strip("<>")

    @cached_property
    def http(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a response; status 0 where there is none."""
        head, _, body = self.block.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        status = first.split(" ")[1:2]
        number = int(status[0]) if status and status[0].isdecimal() and status[0].isascii() else 0
        return number, {name.strip().lower(): value.strip() for name, _, value in pairs}, body

    def digest_fits(self) -> bool | None:
        """Whether the block is what its SHA-1 says; None if the record states none."""
        stated = self.headers.get("warc-block-digest", "")
        return stated == digest(self.block) if stated.startswith("sha1:") else None


def read_warc(
    source: str | PathLike[str] | BufferedIOBase, damage: list[Damage] | None = None
) -> Iterator[Record]:
    """All records of a file, in order. Damaged places go into the list `damage`.

    Without a list, the first damaged place raises ValueError.
    """
    if isinstance(source, (str, PathLike)):
        with open(source, "rb") as file:
            yield from read_warc(file, damage)
        return
    start = source.read(CHUNK)
    for found in (members if start.startswith(MEMBER[:2]) else plain)(source, start):
        if isinstance(found, Record):
            yield found
        elif damage is None:
            raise ValueError(
                f"Bytes {found.start:,} to {found.end:,} are no WARC record: {found.reason}. "
                "Pass a list as `damage` to have such places counted, and go on."
            )
        elif damage and damage[-1].end == found.start:  # one place, found out piece by piece
            damage[-1] = Damage(damage[-1].start, found.end, damage[-1].reason)
        else:
            damage.append(found)


def members(file: BufferedIOBase, data: bytes = b"") -> Iterator[Record | Damage]:
    """Unpack gzip member after gzip member; `data` is what has been read of the file."""
    offset = 0  # in the file, of the first byte of `data`
    while data or (data := file.read(CHUNK)):
        unpack, packed, content, size, reason = zlib.decompressobj(31), [data], [], 0, ""
        try:
            content.append(unpack.decompress(data))
            while not unpack.eof and not reason:
                packed.append(file.read(CHUNK))
                content.append(unpack.decompress(packed[-1]))
                size += len(content[-1])
                if not packed[-1]:
                    reason = "the file ends inside it"
                elif size > MAX_RECORD:
                    reason = f"it unpacks to more than {MAX_RECORD:,} bytes"
        except zlib.error as error:
            reason = str(error)
        if reason:  # look for the next member, from the second byte of this one
            data, used = after(MEMBER, b"".join(packed), file)
            yield Damage(offset, offset + used, reason)
        else:
            data = unpack.unused_data
            used = sum(map(len, packed)) - len(data)
            unpacked_bytes = b"".join(content)
            if found := whole(unpacked_bytes, offset):
                yield found
            else:
                yield from unpacked(unpacked_bytes, offset, offset + used)
        offset += used


def whole(content: bytes, offset: int) -> Record | None:
    """The one record that a member should hold; None if it holds anything else."""
    head = content.find(ENDS)
    length = LENGTH.search(content, 0, head + 2)
    if length and len(content) == head + int(length[1]) + 8 and content.startswith(START):
        return Record(content[:head], content[head + 4 : -4], offset)
    return None


def unpacked(content: bytes, start: int, end: int) -> Iterator[Record | Damage]:
    """What else a member may hold: some writers put several records there, or all of them."""
    for found in plain(BytesIO(content)):
        yield (
            Record(found.head, found.block, start)
            if isinstance(found, Record)
            else Damage(start, end, found.reason)
        )


def plain(file: BufferedIOBase, data: bytes = b"") -> Iterator[Record | Damage]:
    """Records one after the other, without compression."""
    offset = 0
    while data or (data := file.read(CHUNK)):
        while (head := data.find(ENDS)) < 0 and len(data) < MAX_HEAD and (more := file.read(CHUNK)):
            data += more
        length = LENGTH.search(data, 0, max(head, 0) + 2)
        reason = ""
        if not data.startswith(START) or not length:
            reason = "no version line, or no Content-Length"
        elif VERSION_LINE.search(data, 1, head + 2):
            reason = "another record begins among its headers"
        elif (size := head + int(length[1]) + 8) > MAX_RECORD:
            reason = f"it claims to have more than {MAX_RECORD:,} bytes"
        else:
            data += file.read(size - len(data)) if size > len(data) else b""
            if data[size - 4 : size] != ENDS:
                reason = "it does not end where its Content-Length says"
        if not reason:
            yield Record(data[:head], data[head + 4 : size - 4], offset)
            data, used = data[size:], size
        elif data.strip(b"\r\n"):
            data, used = after(START, data, file)
            yield Damage(offset, offset + used, reason)
        else:  # line ends too many do no harm
            data, used = b"", len(data)
        offset += used


def after(mark: bytes, data: bytes, file: BufferedIOBase) -> tuple[bytes, int]:
    """What begins with the next mark (but not with the first byte), and how far away that is."""
    used = 0
    while (at := data.find(mark, 1)) < 0 and (more := file.read(CHUNK)):
        keep = min(len(data), len(mark))  # the mark may lie across the border
        used += len(data) - keep
        data = data[len(data) - keep :] + more
    return (data[at:], used + at) if at > 0 else (b"", used + len(data))
