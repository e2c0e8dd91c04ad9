"""Tensors inside of lists, tuples and dicts, as modules take and return them."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor


def tensors_in(tree: Any) -> Iterator[Tensor]:
    """All tensors, in order."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from tensors_in(each)
    elif isinstance(tree, dict):
        yield from tensors_in(list(tree.values()))


def mapped(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same, with every tensor changed; other objects are left as they are."""
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, dict):
        return {key: mapped(each, change) for key, each in tree.items()}
    if isinstance(tree, list | tuple):
        new = [mapped(each, change) for each in tree]
        return type(tree)(*new) if hasattr(tree, "_fields") else type(tree)(new)
    return tree
