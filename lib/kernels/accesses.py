"""What every program of a kernel loads and stores, recorded in Triton's interpreter.

    with record_accesses(x=x) as trace:
        y = gelu(x)
    trace.bytes_read["x"], trace.programs, races(trace)

On a GPU the programs of a launch run side by side in any order, while the interpreter runs one
after the other. So what goes wrong only there, two programs at one address, is looked for in the
record. And an access outside the tensors is stopped before the memory is touched.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lib.kernels.known_memory import known_tensor
from lib.kernels.language import NoTriton, has_triton, interprets
from lib.kernels.trace import Access, Program, Trace


class OutOfBounds(IndexError):
    """A program was about to load or store what no tensor of its kernel holds."""


@contextmanager
def record_accesses(**tensors: Tensor) -> Iterator[Trace]:
    """Record all kernels launched inside, under these names for memory that is theirs.

    Other tensors are called as the kernel calls them, without `_ptr`. Raises OutOfBounds before
    a program touches what does not belong to the tensor its pointer came from.
    """
    if not has_triton():
        raise NoTriton
    if not interprets():
        raise RuntimeError(
            "Accesses are recorded by Triton's interpreter, and the kernels of this process are "
            "compiled. Use lib.kernels.interpret.trace_interpreted(function, *tensors), which "
            "runs the function in a process of its own."
        )
    from lib.kernels.recorder import recording  # here, because it needs Triton

    trace = Trace()
    with recording(trace, [known_tensor(name, x) for name, x in tensors.items()]):
        yield trace


@dataclass(frozen=True)
class Race:
    """Where two lines of a kernel meet, with one example of two programs."""

    kernel: str
    tensor: str
    offset: int  # of the example, in elements
    kinds: tuple[str, str]
    programs: tuple[Program, Program]
    lines: tuple[int, int]
    count: int  # addresses at which these two lines meet

    def __str__(self) -> str:
        (a, b), (p, q), (i, j) = self.kinds, self.programs, self.lines
        return (
            f"In {self.kernel}, program {p} ({a}, line {i}) and program {q} ({b}, line {j}) meet "
            f"at element {self.offset} of {self.tensor}, and which comes first is open. These two "
            f"lines meet at {self.count} elements. Give each element to one program, or combine "
            "with an atomic operation."
        )


def races(trace: Trace) -> list[Race]:
    """All races, one for each pair of lines. Atomic operations do not race with each other.

    Launches follow each other in order, so only accesses of one launch can race.
    """
    found: dict[tuple, Race] = {}
    for number, launch in enumerate(trace.launches):
        for address, a, b in _meetings([it for it in trace.accesses if it.launch == number]):
            key = number, a.tensor, a.kind, b.kind, a.line, b.line
            if key in found:
                found[key] = replace(found[key], count=found[key].count + 1)
            else:
                kinds, programs, lines = (a.kind, b.kind), (a.program, b.program), (a.line, b.line)
                offset = (address - a.start) // a.itemsize
                found[key] = Race(launch.kernel, a.tensor, offset, kinds, programs, lines, 1)
    return list(found.values())


def _meetings(accesses: list[Access]) -> Iterator[tuple[int, Access, Access]]:
    """Every address with a race, and two accesses that race there."""
    where = np.concatenate([np.zeros(0, np.int64), *(it.addresses for it in accesses)])
    whose = np.repeat(np.arange(len(accesses)), [len(it.addresses) for it in accesses])
    order = np.argsort(where, kind="stable")
    where, whose = where[order], whose[order]
    for begin, end in _shared(where, whose, accesses):
        pair = _clash([accesses[i] for i in whose[begin:end]])
        if pair:
            yield int(where[begin]), *pair


def _shared(where: NDArray, whose: NDArray, accesses: list[Access]) -> list[tuple[int, int]]:
    """Stretches of one address which several programs touch, one of them writing."""
    if not len(where):
        return []
    programs = {program: i for i, program in enumerate(dict.fromkeys(a.program for a in accesses))}
    program = np.array([programs[a.program] for a in accesses])[whose]
    writes = np.array([a.kind != "load" for a in accesses])[whose]
    begins = np.flatnonzero(np.r_[True, where[1:] != where[:-1]])
    several = np.minimum.reduceat(program, begins) < np.maximum.reduceat(program, begins)
    chosen = several & np.logical_or.reduceat(writes, begins)
    ends = np.r_[begins[1:], len(where)]
    return list(zip(begins[chosen].tolist(), ends[chosen].tolist()))


def _clash(here: list[Access]) -> tuple[Access, Access] | None:
    """Of the accesses to one address two that race: a store and anything, an atomic and a load."""
    for a in sorted((a for a in here if a.kind != "load"), key=lambda a: a.kind == "atomic"):
        for b in here:
            if a.program != b.program and not a.kind == b.kind == "atomic":
                return a, b
    return None
