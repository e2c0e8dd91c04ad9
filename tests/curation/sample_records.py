"""Records for tests of pipelines: prose that passes all rules, and records with one known flaw."""

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from lib.curation.records import Drop, Record
from lib.curation.steps import Each

TEXT = (
    "the river and a small boat that we have seen with old friends near water of stone light "
    "garden window table morning letter bread winter road singing quiet green house under tall "
    "tree child story answer open door bright cloud silver market corner village bridge north"
)
WORDS = TEXT.split()


def prose(seed: int, n_words: int = 120) -> str:
    """Sentences of drawn words, on one line each; no two seeds have much in common."""
    draw = Random(seed)
    words = [draw.choice(WORDS) for _ in range(n_words)]
    lines = [" ".join(words[i : i + 12]).capitalize() + "." for i in range(0, n_words, 12)]
    return "\n".join(lines)


def page(seed: int) -> Record:
    """A page whose main text is prose."""
    html = "".join(f"<p>{line}</p>" for line in prose(seed).splitlines())
    body = f"<html><body><main>{html}</main></body></html>".encode()
    url = f"http://site.example/{seed}"
    return Record(f"page-{seed}", "", "web", {"url": url, "content_type": "text/html"}, body)


def flawed() -> list[Record]:
    """Sixty good records and, in between, some that steps should catch."""
    found = [Record(f"good-{i}", prose(i), "books" if i % 3 else "web") for i in range(60)]
    found[10:10] = [Record("short", "Too short.", "web"), Record("copy-of-3", prose(3), "books")]
    near = prose(20, 240).replace("bridge", "castle", 1)
    found[25:25] = [Record("long-20", prose(20, 240), "web"), Record("near-20", near, "web")]
    found[40:40] = [Record("poison", prose(900) + " POISON", "web")]
    mail = prose(901) + "\nWrite to ada@example.org today, my dear friends of the house."
    return [*found, Record("mail", mail, "web"), page(902)]


@dataclass(frozen=True)
class FailsOnPoison(Each):
    """A step with a mistake in it."""

    kind: ClassVar[str] = "poison"

    def __call__(self, record: Record) -> Record | Drop:
        if "POISON" in record.text:
            raise ZeroDivisionError("division by poison")
        return record


def n_words(text: str) -> float:
    return float(len(text.split()))
