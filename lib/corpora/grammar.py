"""A probabilistic grammar with variables: rules as data, and the choices that make a text.

A rule has weighted alternatives. An alternative is text with three kinds of marks:

- `<rule>`            expand another rule here (no rule reaches itself, so every text is finite);
- `{hero:children}`   draw a value for the variable `hero` from the list `children`, all equally
                      likely, none that another variable got from there, and print it;
- `{hero}`            print the value again: what makes a text hang together.

`{dish.a}` prints another form of the value ("an apple pie"), `{hero.They}` a form with a capital
letter. `{gift:needs@dish}` draws from the list that belongs to the value of `dish`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

Entry = Mapping[str, str]  # the forms of one value; "name" is the one that {variable} prints
Words = Mapping[str, Sequence[Entry] | Mapping[str, Sequence[Entry]]]  # lists, some of them "@"
Rules = Mapping[str, Mapping[str, int | float]]  # name of a rule: {alternative: weight}
Known = Mapping[str, tuple["Draw", Entry]]  # what has been drawn so far, and how


@dataclass(frozen=True, slots=True)
class Draw:
    """Choose a value for `variable` and print its `form`."""

    variable: str
    form: str
    domain: str
    given: str | None  # the variable whose value says which of the domain's lists it is


@dataclass(frozen=True, slots=True)
class Say:
    """Print a form of a value that was drawn before."""

    variable: str
    form: str


@dataclass(frozen=True, slots=True)
class Call:
    """Expand a rule."""

    rule: str


Atom = str | Draw | Say | Call
MARK = re.compile(
    r"<(?P<rule>\w+)>"
    r"|\{(?P<variable>\w+)(\.(?P<form>\w+))?(:(?P<domain>\w+)(@(?P<given>\w+))?)?\}"
)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to expand a rule."""

    probability: float
    atoms: tuple[Atom, ...]


class Step(NamedTuple):
    """One possibility at an atom: the text it adds, what is to be expanded next, what is known."""

    probability: float
    text: str
    atoms: tuple[Atom, ...]
    known: Known


class Grammar:
    """Rules and lists of words. Every text begins as the rule "start"."""

    def __init__(self, rules: Rules, words: Words):
        self.words = words
        self.rules = {name: _alternatives(weights) for name, weights in rules.items()}

    def steps(
        self, atom: Atom, known: Known, text: str | None = None, at: int = 0
    ) -> Iterator[Step]:
        """All possibilities at one atom; their probabilities sum to one.

        With `text`, only values that stand there from position `at` on, which keeps reading fast.
        """
        if isinstance(atom, str):
            yield Step(1.0, atom, (), known)
        elif isinstance(atom, Say):
            yield Step(1.0, form(known[atom.variable][1], atom.form), (), known)
        elif isinstance(atom, Call):
            for way in self.rules[atom.rule]:
                yield Step(way.probability, "", way.atoms, known)
        else:
            free = self.free(atom, known)
            for entry in free:
                value = form(entry, atom.form)
                if text is None or text.startswith(value, at):
                    yield Step(1 / len(free), value, (), {**known, atom.variable: (atom, entry)})

    def free(self, draw: Draw, known: Known) -> list[Entry]:
        """The values that a draw can still give."""
        taken = [e for d, e in known.values() if (d.domain, d.given) == (draw.domain, draw.given)]
        return [entry for entry in self.choices(draw, known) if entry not in taken]

    def choices(self, draw: Draw, known: Known) -> Sequence[Entry]:
        """The list that a draw is from."""
        words = self.words[draw.domain]
        if isinstance(words, Mapping):
            return words[known[str(draw.given)][1]["name"]]
        return words

    def sample(self, random: Random) -> str:
        """A text drawn from the grammar, the same for the same state of `random`."""
        todo: list[Atom] = [Call("start")]
        known: Known = {}
        pieces = []
        while todo:
            atom = todo.pop()
            if isinstance(atom, str):
                pieces.append(atom)
            elif isinstance(atom, Call):
                todo.extend(reversed(_pick(self.rules[atom.rule], random.random()).atoms))
            else:
                if isinstance(atom, Draw):
                    free = self.free(atom, known)
                    known = {**known, atom.variable: (atom, free[int(random.random() * len(free))])}
                pieces.append(form(known[atom.variable][1], atom.form))
        return "".join(pieces)

    def language(self) -> Iterator[tuple[str, float]]:
        """Every text with its probability, derivation by derivation: for tiny grammars."""
        stack: list[tuple[str, float, tuple[Atom, ...], Known]] = [("", 1.0, (Call("start"),), {})]
        while stack:
            text, probability, todo, known = stack.pop()
            if not todo:
                yield text, probability
                continue
            for step in self.steps(todo[0], known):
                p = probability * step.probability
                stack.append((text + step.text, p, step.atoms + todo[1:], step.known))


def form(entry: Entry, name: str) -> str:
    """A form of a value. If the entry has none of that name, "a" and capitals are made by rule."""
    if name in entry:
        return entry[name]
    if name == "a":
        return f"{'an' if entry['name'][0] in 'aeiou' else 'a'} {entry['name']}"
    if name[0].isupper():
        text = form(entry, name.lower())
        return text[0].upper() + text[1:]
    raise KeyError(
        f"{entry['name']!r} has no form {name!r}, only {sorted(entry)}, 'a' and capitals."
    )


def _alternatives(weights: Mapping[str, int | float]) -> tuple[Alternative, ...]:
    total = sum(weights.values())
    return tuple(Alternative(weight / total, _atoms(text)) for text, weight in weights.items())


def _atoms(text: str) -> tuple[Atom, ...]:
    atoms: list[Atom] = []
    end = 0
    for mark in MARK.finditer(text):
        if mark.start() > end:
            atoms.append(text[end : mark.start()])
        end = mark.end()
        atoms.append(_marked(mark))
    return (*atoms, text[end:]) if end < len(text) else tuple(atoms)


def _marked(mark: re.Match[str]) -> Atom:
    if mark["rule"]:
        return Call(mark["rule"])
    name = mark["form"] or "name"
    if mark["domain"]:
        return Draw(mark["variable"], name, mark["domain"], mark["given"])
    return Say(mark["variable"], name)


def _pick(ways: tuple[Alternative, ...], position: float) -> Alternative:
    """The alternative at `position` in [0, 1) when they are laid out side by side."""
    for way in ways:
        position -= way.probability
        if position < 0:
            return way
    return ways[-1]  # rounding may leave a remainder of 1e-16
