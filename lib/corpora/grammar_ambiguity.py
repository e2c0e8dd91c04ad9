"""Proof that a grammar is unambiguous: that a text gives away every choice that made it.

Reading from left to right, two things suffice. Of the values of a draw none begins another; and any
two alternatives of a rule print something different while both still have something to print. Then
at most one possibility fits the text at every choice. Where this cannot be shown the grammar counts
as ambiguous, even if a longer look would tell the readings apart.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations

from lib.corpora.grammar import Atom, Call, Draw, Grammar, Say, form


def ambiguities(grammar: Grammar) -> Iterator[str]:
    """One sentence for every pair of possibilities that a text may not tell apart."""
    draws = {
        a
        for ways in grammar.rules.values()
        for way in ways
        for a in way.atoms
        if isinstance(a, Draw)
    }
    for draw in sorted(draws, key=str):
        words = grammar.words[draw.domain]
        for entries in words.values() if isinstance(words, Mapping) else [words]:
            for a, b in combinations([form(entry, draw.form) for entry in entries], 2):
                if a.startswith(b) or b.startswith(a):
                    yield f"Two values of {draw.domain!r} begin alike: {a!r} and {b!r}."
    prints = _Prints(grammar, draws)
    for name, ways in grammar.rules.items():
        for a, b in combinations(ways, 2):
            if not prints.differently(a.atoms, b.atoms):
                yield f"Two alternatives of {name!r} may print the same: {a.atoms} and {b.atoms}."


class _Prints:
    """What the atoms of a grammar can print."""

    def __init__(self, grammar: Grammar, draws: set[Draw]):
        self.rules = grammar.rules
        self.words = grammar.words
        self.draws = draws

    def differently(self, a: tuple[Atom, ...], b: tuple[Atom, ...]) -> bool:
        """Whether whatever `a` prints differs from whatever `b` prints before either ends."""
        while a and b:
            if a[0] == b[0]:  # the same text, whatever it is; or a choice in it that differs, which
                a, b = a[1:], b[1:]  # is looked at where that choice is a pair of its own
                continue
            if isinstance(b[0], Call):
                a, b = b, a
            if isinstance(a[0], Call):
                return all(self.differently(way.atoms + a[1:], b) for way in self.rules[a[0].rule])
            if isinstance(a[0], str) and isinstance(b[0], str):
                shorter = min(len(a[0]), len(b[0]))
                if a[0][:shorter] != b[0][:shorter]:
                    return True
                a, b = _cut(a, shorter), _cut(b, shorter)
                continue
            return not any(
                x.startswith(y) or y.startswith(x)
                for x in self._texts(a[0])
                for y in self._texts(b[0])
            )
        return False

    def _texts(self, atom: Atom) -> set[str]:
        """All that an atom can print: for a variable, over every list it is ever drawn from."""
        if isinstance(atom, str):
            return {atom}
        draws = [atom] if isinstance(atom, Draw) else [d for d in self.draws if _same(d, atom)]
        texts = set()
        for draw in draws:
            words = self.words[draw.domain]
            for entries in words.values() if isinstance(words, Mapping) else [words]:
                texts |= {form(entry, atom.form) for entry in entries}
        return texts


def _same(draw: Draw, atom: Atom) -> bool:
    return isinstance(atom, Say) and draw.variable == atom.variable


def _cut(atoms: tuple[Atom, ...], length: int) -> tuple[Atom, ...]:
    """Without the first characters of the literal text that comes first."""
    first, *rest = atoms
    assert isinstance(first, str)
    return (first[length:], *rest) if len(first) > length else tuple(rest)
