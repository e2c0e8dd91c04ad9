"""Values on their way to another process: pickled, tensors by the bytes of their memory.

Strides stay what they are, and tensors that share memory share it again on the other side.
"""

import io
import pickle
from typing import Any

import torch
from torch import Tensor


class _Pickler(pickle.Pickler):
    """torch's own way would write an archive for each tensor."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.memories: dict[tuple[str, int], bytearray] = {}

    def reducer_override(self, thing: Any) -> Any:
        if not isinstance(thing, Tensor):
            return NotImplemented
        storage = thing.untyped_storage()
        key = str(thing.device), storage.data_ptr()
        if key not in self.memories:
            whole = torch.empty(0, dtype=torch.uint8, device=thing.device).set_(storage)
            self.memories[key] = bytearray(whole.cpu().numpy().tobytes())
        memory, place = self.memories[key], thing.storage_offset()
        layout = tuple(thing.shape), tuple(thing.stride()), place
        return _tensor, (memory, thing.dtype, *layout, thing.requires_grad)


def _tensor(
    memory: bytearray,
    dtype: torch.dtype,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    place: int,
    grad: bool,
) -> Tensor:
    if not memory:
        return torch.empty(shape, dtype=dtype, requires_grad=grad)
    flat = torch.frombuffer(memory, dtype=dtype, count=len(memory) // dtype.itemsize)
    return flat.as_strided(shape, strides, place).requires_grad_(grad)


def dumps(value: Any) -> bytes:
    """Pickled, with tensors moved to the CPU."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def loads(data: bytes) -> Any:
    return pickle.loads(data)
