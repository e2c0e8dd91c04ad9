"""How one test ended, told from the exception that ended it, in words for the learner."""

import traceback
from dataclasses import dataclass
from pathlib import Path

from lib.grading.feedback import Difference, NotHere, NotWritten

PASSED, NOT_WRITTEN, WRONG, CRASHED = "passed", "not written", "wrong", "crashed"
NOT_HERE = "not here"  # this machine lacks what the test needs


class CannotImport(ImportError):
    """A file of the learner that Python cannot read; the message says which, and why."""


@dataclass(frozen=True)
class Outcome:
    """The end of one test. `where` is a line of the learner's code, as "basics/bpe.py, line 7".

    `printed` is what the code printed meanwhile; `against` names lines that break a rule and ran.
    """

    test: str
    problem: str
    kind: str
    message: str = ""
    where: str = ""
    given: str = ""
    yours: str = ""
    expected: str = ""
    printed: str = ""
    against: tuple[str, ...] = ()


def outcome_of(error: BaseException | None, test: str, problem: str, folder: Path) -> Outcome:
    """The outcome of a test that raised `error`; `folder` is the assignment's."""
    if error is None:
        return Outcome(test, problem, PASSED)
    if isinstance(error, NotWritten):
        place = line_of(error, folder, tests_too=False).partition(":")[0]  # the line is its message
        return Outcome(test, problem, NOT_WRITTEN, str(error), place)
    if isinstance(error, NotHere):
        return Outcome(test, problem, NOT_HERE, str(error))
    if isinstance(error, Difference):
        texts = error.given, error.yours, error.expected
        return Outcome(test, problem, WRONG, error.rule, "", *texts)
    if isinstance(error, CannotImport):
        return Outcome(test, problem, CRASHED, str(error))
    return Outcome(test, problem, CRASHED, said(error), line_of(error, folder))


def said(error: BaseException) -> str:
    """Type and message, on one line."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def line_of(error: BaseException, folder: Path, tests_too: bool = True) -> str:
    """The innermost line of the learner's code that the error passed through.

    Where it never was in there, the innermost line of a test, if that is wanted.
    """
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    own = [f for f in inside if not shortened(f.filename, folder).startswith("tests/")]
    for frame in reversed(own or (inside if tests_too else [])):
        line = f": {frame.line}" if frame.line else ""
        return f"{shortened(frame.filename, folder)}, line {frame.lineno}{line}"
    return ""


def why_not_imported(module: str, error: BaseException, folder: Path) -> str:
    """A sentence about a module whose import raised an error."""
    if isinstance(error, CannotImport):  # an earlier one is to blame
        return str(error)
    place = line_of(error, folder)
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{shortened(error.filename, folder)}, line {error.lineno}: {error.text or ''}"
        error = type(error)(error.msg)
    at = f", at {place.strip()}" if place else ""
    return f"{module} cannot be imported: {said(error)}{at}"


def shortened(path: str, folder: Path) -> str:
    """The path as seen from the assignment's folder."""
    return Path(path).relative_to(folder).as_posix() if Path(path).is_relative_to(folder) else path
