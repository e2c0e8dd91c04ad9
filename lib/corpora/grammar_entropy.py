"""The entropy of a grammar in closed form, by expectation over its tree of choices.

A text is the outcome of its choices c1, c2, ..., and in an unambiguous grammar the choices can be
read off the text. So the entropy of the text is that of the choices, and by the chain rule

    H(text) = E[ sum over i of H(c_i | c_1 ... c_(i-1)) ].

Which choices are still to come, and with what probabilities, depends only on which variables have
been drawn from which lists, never on the values they got: a rule's alternatives have fixed
probabilities, and a draw from n values of which k are taken is uniform over n - k, whichever they
are. (For a list that belongs to another variable's value, n depends on that value; every value is
equally likely, drawn without replacement or not, so the mean over its list is exact.) The
expectation is therefore a sum over (atom, set of variables drawn), which is small, while the
number of texts is astronomical.

Lengths go the same way, and need nothing more: an expectation is linear, so the mean number of
bytes is the sum over everything printed of P(it is printed) times its mean length.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from lib.corpora.grammar import Atom, Call, Draw, Entry, Grammar, Say, form

Drawn = frozenset[Draw]  # which variables have a value by now (the form does not matter)
WHITESPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class EntropyRate:
    """Bits that a perfect model needs on average, and how long texts are on average."""

    bits_per_document: float
    words_per_document: float
    bytes_per_document: float

    @property
    def bits_per_word(self) -> float:
        """Entropy over expected length: the limit for a long stream of documents."""
        return self.bits_per_document / self.words_per_document

    @property
    def bits_per_byte(self) -> float:
        """As `bits_per_word`. Separators between documents are not counted as bytes."""
        return self.bits_per_document / self.bytes_per_document


class Expected(NamedTuple):
    """Means over everything that can come out of an atom, and what is drawn after it."""

    bits: float
    gaps: float  # runs of whitespace: one less than words in a whole text
    bytes: float
    after: dict[Drawn, float]  # probability of each set of drawn variables


def entropy_rate(grammar: Grammar) -> EntropyRate:
    """Exact for an unambiguous grammar; for an ambiguous one `bits_per_document` is an upper bound.

    Also a proof that the grammar works: raises ValueError where some path of choices prints a
    variable that has no value, draws one twice, or asks a list for more values than it has.
    """
    start = _Walk(grammar).expected(Call("start"), frozenset())
    return EntropyRate(start.bits, start.gaps + 1, start.bytes)


class _Walk:
    """One pass over a grammar that remembers the answers: rules are shared by many paths."""

    def __init__(self, grammar: Grammar):
        self.grammar = grammar
        self.answers: dict[tuple[Call, Drawn], Expected] = {}
        self.lengths: dict[tuple[Draw, Draw | None, str], tuple[float, float]] = {}

    def expected(self, atom: Atom, drawn: Drawn) -> Expected:
        if isinstance(atom, str):
            return Expected(0.0, *_lengths(atom), {drawn: 1.0})
        if isinstance(atom, Say):
            return self._printed(_source(atom, drawn), atom.form, 0.0, drawn)
        if isinstance(atom, Draw):
            bits = self._draw_bits(atom, drawn)
            known = replace(atom, form="name")
            return self._printed(known, atom.form, bits, drawn | {known})
        if (atom, drawn) not in self.answers:
            ways = self.grammar.rules[atom.rule]
            parts = [(way.probability, self._sequence(way.atoms, drawn)) for way in ways]
            choice = -sum(p * math.log2(p) for p, _ in parts)
            self.answers[atom, drawn] = _mixture(parts, choice)
        return self.answers[atom, drawn]

    def _sequence(self, atoms: tuple[Atom, ...], drawn: Drawn) -> Expected:
        """One atom after the other; each sees what the ones before it may have drawn."""
        so_far = Expected(0.0, 0.0, 0.0, {drawn: 1.0})
        for atom in atoms:
            nexts = [(p, self.expected(atom, now)) for now, p in so_far.after.items()]
            step = _mixture(nexts, 0.0)
            so_far = Expected(
                so_far.bits + step.bits,
                so_far.gaps + step.gaps,
                so_far.bytes + step.bytes,
                step.after,
            )
        return so_far

    def _printed(self, draw: Draw, name: str, bits: float, after: Drawn) -> Expected:
        """Mean length of a form over the values that a variable can have."""
        given = draw.given and _source(Say(draw.given, "name"), after)
        if (draw, given, name) not in self.lengths:
            values = self._values(draw, after)
            lengths = [(p, *_lengths(form(entry, name))) for p, entry in values]
            means = sum(p * gaps for p, gaps, _ in lengths), sum(p * n for p, _, n in lengths)
            self.lengths[draw, given, name] = means
        return Expected(bits, *self.lengths[draw, given, name], {after: 1.0})

    def _values(self, draw: Draw, drawn: Drawn) -> list[tuple[float, Entry]]:
        """Every value of a variable with its probability, other variables unknown."""
        lists = self._lists(draw, drawn)
        return [(p / len(entries), entry) for p, entries in lists for entry in entries]

    def _lists(self, draw: Draw, drawn: Drawn) -> list[tuple[float, list[Entry]]]:
        """The lists that a draw can be from, with probabilities. One list, unless it has an `@`."""
        words = self.grammar.words[draw.domain]
        if draw.given is None:
            return [(1.0, list(words))]  # type: ignore[arg-type]
        owners = self._values(_source(Say(draw.given, "name"), drawn), drawn)
        return [(p, list(words[owner["name"]])) for p, owner in owners]  # type: ignore[call-overload]

    def _draw_bits(self, draw: Draw, drawn: Drawn) -> float:
        if any(other.variable == draw.variable for other in drawn):
            raise ValueError(f"{draw.variable!r} is drawn a second time, from {draw.domain!r}.")
        taken = sum((o.domain, o.given) == (draw.domain, draw.given) for o in drawn)
        lists = self._lists(draw, drawn)
        if any(len(entries) <= taken for _, entries in lists):
            raise ValueError(
                f"{draw.variable!r} is number {taken + 1} to be drawn from {draw.domain!r}, which "
                f"has {min(len(e) for _, e in lists)} values. Add words, or draw fewer."
            )
        return sum(p * math.log2(len(entries) - taken) for p, entries in lists)


def _lengths(text: str) -> tuple[float, float]:
    """Runs of whitespace, and UTF-8 bytes."""
    return float(len(WHITESPACE.findall(text))), float(len(text.encode()))


def _source(say: Say, drawn: Drawn) -> Draw:
    """The draw that gave a variable its value."""
    for draw in drawn:
        if draw.variable == say.variable:
            return draw
    known = sorted(draw.variable for draw in drawn)
    raise ValueError(f"{say.variable!r} is printed before it is drawn. Drawn by then: {known}.")


def _mixture(parts: list[tuple[float, Expected]], choice_bits: float) -> Expected:
    """Mean over several possibilities, plus the entropy of the choice between them."""
    after: dict[Drawn, float] = {}
    for p, part in parts:
        for drawn, q in part.after.items():
            after[drawn] = after.get(drawn, 0.0) + p * q
    return Expected(
        choice_bits + sum(p * part.bits for p, part in parts),
        sum(p * part.gaps for p, part in parts),
        sum(p * part.bytes for p, part in parts),
        after,
    )
