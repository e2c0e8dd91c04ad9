"""The exact probability of a text under a grammar: undo the choices that can have made it."""

import math
from collections.abc import Iterator

from lib.corpora.grammar import Atom, Call, Grammar, Known

Rest = tuple[Atom, "Rest"] | None  # atoms still to be matched, as a linked list: cheap to extend


def log_prob(grammar: Grammar, text: str) -> float:
    """Natural logarithm of the probability of exactly this text; -inf if it cannot come out.

    The sum over derivations. An unambiguous grammar has at most one, so there is nothing to sum.
    """
    found = list(derivations(grammar, text))
    if not found:
        return -math.inf
    top = max(found)  # exp(-2000) is 0 in floating point: take the largest out before adding up
    return top + math.log(math.fsum(math.exp(part - top) for part in found))


def derivations(grammar: Grammar, text: str) -> Iterator[float]:
    """Log-probability of every sequence of choices that prints `text`.

    Left to right: a choice survives if what it prints is what the text has there. A wrong one is
    out within a few characters as a rule, so the time is in proportion to the text.
    """
    stack: list[tuple[int, float, Rest, Known]] = [(0, 0.0, (Call("start"), None), {})]
    while stack:
        position, total, rest, known = stack.pop()
        if rest is None:
            if position == len(text):
                yield total
            continue
        atom, after = rest
        for step in grammar.steps(atom, known, text, position):
            if text.startswith(step.text, position):
                todo: Rest = after
                for part in reversed(step.atoms):
                    todo = (part, todo)
                log_p = total + math.log(step.probability)
                stack.append((position + len(step.text), log_p, todo, step.known))
