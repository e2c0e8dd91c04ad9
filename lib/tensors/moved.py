"""What torch's own operations read from memory and write to it, counted while they run.

Executed one by one ("eagerly"), every operation is a program of its own: it reads its inputs from
memory and writes its result back, even if the next operation wants nothing but that result. Views
move nothing. What the caches of a processor save is not seen, so these are the bytes of tensors
that fit into none.
"""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ONLY_ALLOCATE = {"aten::empty", "aten::empty_like", "aten::empty_strided", "aten::new_empty"}


@dataclass(frozen=True)
class Moved:
    """One operation: its name, and bytes."""

    name: str
    read: int
    written: int

    @property
    def bytes(self) -> int:
        """Both ways together."""
        return self.read + self.written


class EagerTraffic(TorchDispatchMode):
    """`with EagerTraffic() as traffic:` keeps every operation that moved something, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Moved] = []

    @property
    def read(self) -> int:
        """Bytes read by all operations."""
        return sum(operation.read for operation in self.operations)

    @property
    def written(self) -> int:
        """Bytes written by all operations."""
        return sum(operation.written for operation in self.operations)

    @property
    def bytes(self) -> int:
        """Bytes moved by all operations, both ways together."""
        return self.read + self.written

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        if name not in ONLY_ALLOCATE and not _is_view(func):
            moved = Moved(
                name.partition("::")[2],
                _bytes((args, {k: v for k, v in (kwargs or {}).items() if k != "out"})),
                _bytes(result),
            )
            self.operations.append(moved)
        return result


def _is_view(func: Any) -> bool:
    """Whether the result is another look at an argument's memory, unchanged."""
    aliases = [returned.alias_info for returned in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)


def _bytes(values: Any) -> int:
    """Of the different tensors among them; numbers that an expanded tensor repeats count once."""
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    different = {(x.data_ptr(), x.shape, x.stride()): x for x in tensors}
    return sum(_numbers(x) * x.element_size() for x in different.values())


def _numbers(x: Tensor) -> int:
    return math.prod(n for n, step in zip(x.shape, x.stride()) if step)
