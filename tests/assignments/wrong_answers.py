"""Plausible mistakes, planted on purpose: each must be caught by the test that is meant for it.

    @wrong("tokenization.train_bpe", caught_by="test_train_bpe.py::test_ties_go_to_the_greater")
    def smaller_pair_wins(path, vocab_size, special_tokens): ...

puts the function (or class) in the place of `train_bpe` in adapters/tokenization.py and expects
that test to fail with Difference, not with a crash. It may call the reference and spoil what that
returns. Answers in words and numbers are spoilt with @wrong("answers.read_answers", caught_by=...)
on a function without arguments that returns the whole table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class WrongAnswer:
    """`spoilt` in the place of `module`.`name` must make the test `caught_by` fail."""

    module: str
    name: str
    caught_by: str
    spoilt: object


def wrong(target: str, *, caught_by: str) -> Callable:
    """Declare the decorated function or class a wrong answer; it stays usable as it is."""
    module, _, name = target.partition(".")
    if not name or "::" not in caught_by:
        raise ValueError(
            f'@wrong("{target}", caught_by="{caught_by}") must read like '
            '@wrong("tokenization.encode", caught_by="test_encode.py::test_empty_text").'
        )

    def declare(spoilt):
        spoilt.wrong_answers = [
            *vars(spoilt).get("wrong_answers", []),
            WrongAnswer(module, name, caught_by, spoilt),
        ]
        return spoilt

    return declare


def wrong_answers(module: ModuleType) -> list[WrongAnswer]:
    """All that are declared in a module, in the order of their definition."""
    declared = [
        getattr(thing, "__dict__", {}).get("wrong_answers", []) for thing in vars(module).values()
    ]
    return [answer for answers in declared for answer in answers]
