"""Every paper the lectures lean on, once, in lib/assets/references.csv.

    cite("vaswani2017attention")        a link: Vaswani et al. 2017, Attention Is All You Need
    references("kingma2014adam", ...)   a list of them
    check_links(markdown, "lecture 1")  what is wrong with the links of a text

A reference has what somebody could check: an id with a title, with authors, or with the name that
the work goes by. What nobody could check is blank, so some have no authors and some no title.
"""

import difflib
import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from lib.notebook.facts import ASSETS, read_table
from lib.notebook.markdown_links import links

MOST_UNFOLDED = 20  # references; longer lists are folded to one line
_ARXIV = re.compile(r"https?://(?:www\.)?arxiv\.org/\w+/(\d{4}\.\d{4,5})(?!\d).*")


@dataclass(frozen=True)
class Reference:
    """One work. `authors` is short ("Vaswani et al."), `known_as` what people call it ("GPT-3")."""

    key: str
    title: str | None
    known_as: str | None
    authors: str | None
    year: int
    id: str | None
    url: str | None
    source: str
    checked: int

    @property
    def short(self) -> str:
        """As in running text: "Vaswani et al. 2017"; the work's name where authors are unknown."""
        name = self.authors or self.known_as or (self.title or self.key).split(":")[0]
        return f"{name} {self.year}"

    def __str__(self) -> str:
        return self._written("{}", str)

    def _repr_markdown_(self) -> str:
        text = self._written("*{}*", str)
        return f"[{text}]({self.url})" if self.url else text

    def _repr_html_(self) -> str:
        text = self._written("<cite>{}</cite>", html.escape)
        return f'<a href="{html.escape(self.url)}">{text}</a>' if self.url else text

    def _written(self, emphasis: str, escape: Callable[[str], str]) -> str:
        """Authors, year and title, as far as they are known."""
        title = emphasis.format(escape(self.title)) if self.title else None
        if self.authors is None and title:
            return f"{title} ({self.year})"
        if title:
            return f"{escape(self.short)}, {title}"
        named = self.authors and self.known_as
        return escape(f"{self.short} ({self.known_as})" if named else self.short)


class References(tuple[Reference, ...]):
    """Several references, shown as a list."""

    def __repr__(self) -> str:
        if len(self) > MOST_UNFOLDED:
            return f"{len(self)} references"
        return "\n".join(map(str, self))

    def _repr_markdown_(self) -> str:
        return "\n".join(f"- {reference._repr_markdown_()}" for reference in self)

    def _repr_html_(self) -> str:
        items = "\n".join(f"<li>{reference._repr_html_()}</li>" for reference in self)
        if len(self) <= MOST_UNFOLDED:
            return f"<ul>\n{items}\n</ul>"
        summary = f"<summary>{len(self)} references</summary>"
        return f"<details>{summary}\n<ul>\n{items}\n</ul>\n</details>"


def cite(key: str) -> Reference:
    """The reference with this key; as a cell's last line it shows as a link."""
    table = _table()
    if key not in table:
        near = difflib.get_close_matches(key, table, n=3, cutoff=0.4)
        hint = f"Near it: {', '.join(near)}." if near else "No key is near it."
        raise LookupError(
            f"There is no reference {key!r}. {hint} All keys are in lib/assets/references.csv."
        )
    return table[key]


def references(*keys: str) -> References:
    """The references with these keys, in this order; without keys all of them, oldest first."""
    return References(cite(key) for key in keys or _table())


def check_links(markdown: str, where: str) -> list[str]:
    """One sentence per wrong link to a paper, each beginning with `where`; empty if all are right.

    A link to arxiv.org must be `https://arxiv.org/abs/<id>` with an id in the table, and its words
    must name that work: by its title (up to a colon is enough), by what it is known as, or by its
    first author's surname together with its year. Capitals, markup and punctuation do not matter.
    """
    papers = [(words, target) for words, target in links(markdown) if "arxiv.org" in target]
    return [
        f"{where}: the link to {target} {problem}."
        for words, target in papers
        if (problem := _problem(words, target))
    ]


def _problem(words: str, target: str) -> str | None:
    match = _ARXIV.fullmatch(target)
    number = match[1] if match else None
    reference = next((r for r in _table().values() if r.id == f"arXiv:{number}"), None)
    if reference is None:
        return "is not in lib/assets/references.csv: add it there, with where you checked it"
    if target != reference.url:
        return f"should lead to {reference.url}"
    if not _names(words, reference):
        return f"is called {words!r}, which does not name it: call it {reference.short!r}"
    return None


def _names(words: str, reference: Reference) -> bool:
    said = _plain(words)
    title = (reference.title or "").split(":")[0]
    if any(name and _plain(name) in said for name in (title, reference.known_as)):
        return True
    surname = re.split(r" et al\.| & ", reference.authors or "")[0]
    return bool(surname) and _plain(surname) in said and _plain(str(reference.year)) in said


def _plain(text: str) -> str:
    """Lower-case words and numbers only, between blanks, so that "T5" is not found in "MT5"."""
    return " ".join(["", *re.findall(r"[^\W_]+", text.casefold()), ""])


@cache
def _table() -> dict[str, Reference]:
    rows = read_table(ASSETS / "references.csv")
    return {row["key"]: Reference(**row) for row in rows}
