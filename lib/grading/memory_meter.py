"""Memory counted while code runs: the bytes of all tensors that are alive at once.

    with MemoryMeter() as meter:
        loss = model(ids).sum()
    meter.peak, meter.live, meter.largest

Only what is made inside counts, each storage once however many tensors look at it, until nobody
holds it any more or somebody shrinks it. What an operation needs for itself while it runs is not
seen, and tensors without values (device "meta") count as if they had some.
"""

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class MemoryMeter(TorchDispatchMode):
    """`peak` bytes alive at once, `live` bytes now, `largest` bytes of a single storage."""

    def __init__(self, *known: torch.Tensor) -> None:
        """Tensors that are `known` from before, their parts and views, are not counted."""
        super().__init__()
        self.peak = self.largest = 0
        self._storages: dict[int, weakref.ref] = {}
        self._known = [x.untyped_storage() for x in known]  # kept, so that no other gets their id

    @property
    def live(self) -> int:
        """Bytes that are held now. A storage that was shrunk counts as what is left of it."""
        found = [reference() for reference in self._storages.values()]
        return sum(storage.nbytes() for storage in found if storage is not None)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {id(x.untyped_storage()) for x in _tensors((args, kwargs))}
        for x in _tensors(result):
            storage = x.untyped_storage()
            if id(storage) not in given and id(storage) not in self._storages:
                self._note(storage)
        self.peak = max(self.peak, self.live)
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        if any(storage is known for known in self._known):
            return
        key = id(storage)
        self._storages[key] = weakref.ref(storage, lambda _: self._storages.pop(key, None))
        self.largest = max(self.largest, storage.nbytes())


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
