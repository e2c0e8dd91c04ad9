"""Answers in words and numbers, which learners write into answers/*.toml of the assignment.

    [unicode1]
    chr_0 = "..."

A test asks for one by its name, as in words("unicode1.chr_0") or number("accounting.parameters").
Without an answer both raise NotWritten. A number is then judged by the test; words only by the
learner, who is shown the problem's rubric once everything in it is answered.
"""

import tomllib
from numbers import Real
from pathlib import Path
from typing import Any

from lib.grading.feedback import Difference, NotWritten, holds

FOLDER = Path("answers")  # tests run in the folder of their assignment


def read_answers() -> dict[str, Any]:
    """The tables of all files. Tests reach them through `words` and `number`."""
    if not FOLDER.is_dir():
        raise Difference(f"There is no folder {FOLDER} here: start in that of the assignment.")
    answers: dict[str, Any] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        try:
            answers |= tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise Difference(f"{FOLDER.name}/{path.name} is not TOML: {error}.") from None
    return answers


def words(name: str, at_least: int = 1) -> str:
    """An answer in words, so many at least."""
    answer = _answer(name)
    if not isinstance(answer, str):
        raise Difference('Words go between quotes: "...".', name, repr(answer))
    if len(answer.split()) < at_least:
        raise Difference(f"An answer takes {at_least} words or more here.", name, answer)
    return answer


def number(name: str) -> int | float:
    """An answer that is a number; write 1.5e9 or 1_500_000_000."""
    answer = _answer(name)
    if not isinstance(answer, Real) or isinstance(answer, bool):
        raise Difference("A number goes without quotes: 1.5e9 or 1_500.", name, repr(answer))
    return answer


def judge(name: str, right: float, within: float, mistakes: dict[str, float] | None = None) -> None:
    """Raise Difference unless the number is right, up to a share `within` of it.

    `mistakes` are reasons, whole sentences, with the wrong numbers that they lead to.
    """
    yours = number(name)
    if abs(yours - right) <= within * abs(right):
        return
    for reason, value in (mistakes or {}).items():
        holds(abs(yours - value) > within * abs(value), reason, given=name, yours=yours)
    rule = f"This is more than {within:.1%} away from what the rules of the text give."
    holds(False, rule, given=name, yours=yours)


def _answer(name: str) -> Any:
    """What stands at table.key; NotWritten where it is absent or empty."""
    table, _, key = name.partition(".")
    answer = read_answers().get(table, {}).get(key, "")
    if isinstance(answer, str) and not answer.strip():
        raise NotWritten("", f"In {FOLDER.name}/, under [{table}], answer {key}.")
    return answer
