"""All of it in one go, with counts, and the stream that comes out of it."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from lib.grading.feedback import todo
from lib.grading.raw_crawl import Examples, Record


class Step(NamedTuple):
    """A name, and a function from a text to a text, or to None, which drops it. Complete."""

    name: str
    function: Callable[[str], str | None]


class Count(NamedTuple):
    """Texts that came to a step, that left it, that left it changed; its seconds. Complete."""

    name: str
    n_in: int
    n_out: int
    n_changed: int
    seconds: float


def run_steps(
    texts: Iterable[str], steps: Sequence[Step], clock: Callable[[], float]
) -> tuple[list[str], list[Count]]:
    """Each text through all steps in order, until one drops it: what is left, and a Count a step.

    An empty text is a text: only None drops. The clock is read right before and right after each
    call of a step's function, and at no other time.

    run_steps(["a", "bb"], [Step("short", lambda t: t if len(t) < 2 else None)], clock)
    -> (["a"], [Count("short", 2, 1, 0, ...)])
    """
    return todo("4.1", "a loop over texts with a loop over steps in it, and a list of sums a step.")


def filter_crawl(records: list[Record], examples: Examples) -> dict[str, str]:
    """What you would train on: the text of each page that stays, by its address.

    Wanted are English articles, tales, discussions, mathematics; personal data in them masked, and
    one of each cluster of near-duplicates (Jaccard similarity 0.8 or more, five words). Not wanted
    are other languages, lists of links, search engine bait, insults, and what is for adults.
    `examples` are labelled texts to learn from, which are not in the crawl. See the handout for how
    it is judged. The design is yours.
    """
    return todo("4.2", "extract, language, rules, classifiers, masks, then near-duplicates.")


def tokenize(
    texts: Iterable[str], encode: Callable[[str], Sequence[int]], end: int, path: Path
) -> int:
    """Write all ids into one file, uint16 in the order of this machine; how many there are.

    Behind each text, also behind the last, comes `end`. An id below 0 or above 65,535 raises
    ValueError, and then there is no file. Texts may be more than fit into memory.

    tokenize(["ab", "c"], lambda t: list(t.encode()), 256, path)
    -> 5, and in the file 97, 98, 256, 99, 256
    """
    return todo("4.4", "look at the largest id before numpy makes 16 bits of it.")
