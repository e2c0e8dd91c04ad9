"""What flows through a pipeline: records, and what happens to those that do not pass.

A record is a document on its way: before its text has been taken out of a page it has a `body`,
later a text. `meta` is for whatever steps find out, and holds what JSON can hold.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

from lib.corpora.documents import Document, n_utf8_bytes
from lib.corpora.web_truth import Page


@dataclass(slots=True)
class Record:
    """One document. `source` is what mixtures tell apart. Steps give a new one: `replace(...)`."""

    id: str
    text: str = ""
    source: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""

    @property
    def n_bytes(self) -> int:
        """Of text and body together."""
        return n_utf8_bytes(self.text) + len(self.body)

    @property
    def name(self) -> str:
        """What a reader knows it by: its address if it is a page."""
        return str(self.meta.get("url") or self.id)


@dataclass(frozen=True, slots=True)
class Drop:
    """A record ends here. Equal reasons are counted together; the detail is for a reader."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Damage:
    """Part of a file that cannot be read as a record: where it is, why, and what is there."""

    place: str
    reason: str
    content: str = ""


def from_document(document: Document) -> Record:
    """A corpus's document as a record."""
    return Record(document.id, document.text, document.source)


def from_page(page: Page, source: str = "little-web") -> Record:
    """A page of the little web as a crawler would bring it home."""
    kind = dict(page.headers).get("Content-Type", "")
    return Record(page.url, "", source, {"url": page.url, "content_type": kind}, page.body)


def to_row(record: Record) -> dict[str, Any]:
    """What JSON can hold; without the fields that are empty."""
    row: dict[str, Any] = {"id": record.id, "text": record.text}
    if record.source:
        row["source"] = record.source
    if record.meta:
        row["meta"] = record.meta
    if record.body:
        row["body"] = base64.b64encode(record.body).decode()
    return row


def from_row(row: dict[str, Any], place: str) -> Record:
    """A record from a row of ours or of others: fields that we do not know go to `meta`.

    A row without an id is named after its place. Raises ValueError where there is no text.
    """
    text, body = row.get("text"), row.get("body", "")
    if not isinstance(text, str) and not body:
        raise ValueError(f"A row needs a field 'text' with text in it, and has {sorted(row)}.")
    known = {"id", "text", "source", "meta", "body"}
    others = {key: value for key, value in row.items() if key not in known and value is not None}
    meta = row.get("meta") or {}
    return Record(
        str(row.get("id") or place),
        whole_characters(text or ""),
        str(row.get("source") or ""),
        {**(meta if isinstance(meta, dict) else {"meta": meta}), **others},
        base64.b64decode(body),
    )


def whole_characters(text: str) -> str:
    """Halves of characters, which JSON can hold and UTF-8 cannot, become replacement characters."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
