"""The words of the course, in lib/assets/glossary.csv: each in a sentence or two.

glossary()     all terms on one page, with a search field
define("BPE")  one of them; short forms work too
"""

import difflib
import html
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lib.notebook.facts import ASSETS, read_table
from lib.notebook.references import cite
from lib.notebook.rendered import Rendered
from lib.notebook.tables import table

SHAPE_LETTERS = {
    "B": "sequences in a batch",
    "T": "positions in a sequence, of queries where there are keys too",
    "S": "source positions: the keys that queries look at",
    "D": "width of the model",
    "N": "query heads",
    "K": "key/value heads",
    "H": "width of one head",
    "F": "width of the feed-forward layer",
    "V": "entries of the vocabulary",
    "L": "layers",
    "E": "experts",
    "C": "capacity of one expert, in tokens",
    "R": "ranks, that is, processes",
}


def glossary() -> Rendered:
    """All terms in alphabetical order. Where scripts run, a search field filters them."""
    terms = _terms()
    template = (Path(__file__).parent / "glossary.html").read_text(encoding="utf-8")
    page = template.replace("[[TERMS]]", "\n".join(term.entry() for term in terms))
    return Rendered(page.strip(), f"{len(terms)} terms, from {terms[0].term} to {terms[-1].term}")


def define(name: str) -> "Term":
    """One term by its name or a short form; capitals do not matter."""
    by_name = {known.casefold(): term for term in _terms() for known in (term.term, *term.also)}
    if name.casefold() not in by_name:
        near = difflib.get_close_matches(name.casefold(), by_name, n=3)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise LookupError(f"The glossary has no {name!r}.{hint} glossary() shows all terms.")
    return by_name[name.casefold()]


def shape_letters() -> None:
    """Show the letters that name the axes of tensors, the same in every lecture and module."""
    rows = [{"letter": letter, "axis": axis} for letter, axis in SHAPE_LETTERS.items()]
    table(rows, caption="Letters for the axes of tensors")


@dataclass(frozen=True)
class Term:
    """One entry. `lecture` is where it first matters, `reference` the key of a paper to read."""

    term: str
    also: tuple[str, ...]
    meaning: str
    lecture: int
    see: tuple[str, ...]
    reference: str | None

    def __repr__(self) -> str:
        also = f" ({', '.join(self.also)})" if self.also else ""
        return f"{self.term}{also}: {self.meaning}"

    def _repr_html_(self) -> str:
        return f"<dl>{self.entry()}</dl>"

    def entry(self) -> str:
        """One entry of a description list."""
        also = f" <small>{html.escape(', '.join(self.also))}</small>" if self.also else ""
        more = [f"Lecture {self.lecture}"]
        if self.see:
            more.append(f"see {html.escape(', '.join(self.see))}")
        if self.reference:
            paper = cite(self.reference)
            name = html.escape(paper.short)
            more.append(f'<a href="{html.escape(paper.url)}">{name}</a>' if paper.url else name)
        return (
            f"<div><dt>{html.escape(self.term)}{also}</dt>"
            f"<dd>{html.escape(self.meaning)} <small>{' · '.join(more)}</small></dd></div>"
        )


@cache
def _terms() -> tuple[Term, ...]:
    return tuple(
        Term(**row | {column: _split(row[column]) for column in ("also", "see")})
        for row in read_table(ASSETS / "glossary.csv")
    )


def _split(cell: str | None) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()
