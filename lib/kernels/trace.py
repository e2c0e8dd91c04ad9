"""What a run of kernels leaves in the record: every access of every program, see accesses."""

from collections import Counter
from dataclasses import dataclass, field

from numpy.typing import NDArray

from lib.kernels.known_memory import KnownTensor

Program = tuple[int, int, int]


@dataclass(frozen=True)
class Access:
    """One load, store or atomic operation of one program: a tile of elements at once."""

    program: Program
    kind: str  # "load", "store" or "atomic"
    tensor: str  # its name, as given to record_accesses, else the kernel's argument; "?" if unknown
    offsets: NDArray  # int64, elements from the tensor's first one
    mask: NDArray  # False where nothing is touched
    values: NDArray  # what was loaded, stored or combined
    line: int  # of the file that the kernel stands in
    order: int  # 0, 1, ... through all launches
    launch: int = 0  # which of trace.launches
    function: str = ""  # whose line it is: the kernel, or a function that it calls
    itemsize: int = field(default=1, repr=False)  # bytes of an element
    start: int = field(default=0, repr=False)  # address of the tensor's first element

    @property
    def addresses(self) -> NDArray:
        """Of the elements that are touched, in bytes."""
        return self.start + self.offsets[self.mask] * self.itemsize


@dataclass
class Launch:
    """One kernel launched over a grid of programs."""

    kernel: str
    grid: Program = (0, 0, 0)
    tensors: dict[str, KnownTensor] = field(default_factory=dict)  # by the kernel's argument


@dataclass
class Trace:
    """The record, in the order in which the interpreter ran."""

    accesses: list[Access] = field(default_factory=list)
    launches: list[Launch] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)  # also those that touch nothing

    @property
    def bytes_read(self) -> Counter[str]:
        """By tensor. What is loaded twice counts twice; a GPU may find it in a cache."""
        return self._bytes("load", "atomic")

    @property
    def bytes_written(self) -> Counter[str]:
        """By tensor."""
        return self._bytes("store", "atomic")

    def _bytes(self, *kinds: str) -> Counter[str]:
        total: Counter[str] = Counter()
        for access in self.accesses:
            if access.kind in kinds:
                total[access.tensor] += int(access.mask.sum()) * access.itemsize
        return total
