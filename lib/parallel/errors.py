"""What `launch` and `simulate` raise: which rank failed, with what, and where in its code."""

import os
import re
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).parent
CELL = re.compile(r'File "[^"]*ipykernel_\d+[^"]*"')  # a file that nobody can open, with a number


class RankError(RuntimeError):
    """A rank raised an exception, or ended. `error` is that exception, if it could travel."""

    def __init__(
        self, message: str, rank: int | None = None, error: BaseException | None = None
    ) -> None:
        super().__init__(message)
        self.rank, self.error = rank, error


class RankTimeout(RankError, TimeoutError):
    """Ranks were still busy when the time was over; the message says where."""


class Deadlock(RankError):
    """Every rank waits for another one."""


def of_user(frame: traceback.FrameSummary) -> bool:
    """Neither of this package nor of an installed one."""
    path = Path(frame.filename)
    machinery = frame.filename.startswith(("<frozen", "<string>", sys.base_prefix + os.sep))
    return path.parent != HERE and "site-packages" not in path.parts and not machinery


def shown(frames: list[traceback.FrameSummary]) -> str:
    """The frames of the user's code, the innermost last; all where there is none of them."""
    chosen = [frame for frame in frames if of_user(frame)] or frames
    text = "".join(traceback.format_list(chosen[-8:])).rstrip()
    return CELL.sub("In a cell", text)


def described(error: BaseException) -> str:
    """One line: kind and words."""
    return "".join(traceback.format_exception_only(error)).strip()


def failure(rank: int, n_ranks: int, line: str, where: str, others: str = "") -> str:
    """The message of a RankError."""
    text = f"Rank {rank} of {n_ranks} failed: {line}"
    return "\n".join(part for part in (text, where, others) if part)
