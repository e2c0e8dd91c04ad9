"""The baseline: all visible text of all pages, menus included."""

from collections.abc import Iterator

from lib.curation.extract import to_text, visible_text
from lib.grading.raw_crawl import Examples, Record


def select(records: list[Record], examples: Examples) -> Iterator[str]:
    for record in records:
        yield visible_text(to_text(record.body).text)
