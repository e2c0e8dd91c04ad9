"""Nested dicts and lists with tensors in them, as JSON and a flat dict of tensors, and back.

What an optimizer has to say about itself is such a tree. Written as JSON plus safetensors it can be
read without running code, which a pickle cannot.
"""

from typing import Any

import torch
from torch import Tensor

TENSOR, PAIRS, TUPLE = "$tensor", "$pairs", "$tuple"  # marks for what JSON has no word for


def flatten(tree: Any, name: str = "") -> tuple[Any, dict[str, Tensor]]:
    """What JSON can hold, and the tensors, named by their way through the tree: "state.0.exp_avg".

    Raises TypeError for what is neither tensor, dict, list, tuple, number, text nor None.
    """
    if isinstance(tree, Tensor):
        return {TENSOR: name}, {name: tree.detach().contiguous()}
    if isinstance(tree, dict):
        keys, parts = list(tree), [flatten(tree[key], _below(name, key)) for key in tree]
        content = [part for part, _ in parts]
        plain = all(isinstance(key, str) and not key.startswith("$") for key in keys)
        flat = dict(zip(keys, content)) if plain else {PAIRS: [list(p) for p in zip(keys, content)]}
    elif isinstance(tree, list | tuple):
        parts = [flatten(each, _below(name, i)) for i, each in enumerate(tree)]
        content = [part for part, _ in parts]
        flat = {TUPLE: content} if isinstance(tree, tuple) else content
    elif tree is None or isinstance(tree, bool | int | float | str):
        return tree, {}
    else:
        raise TypeError(f"{name} is a {type(tree).__name__}, which a checkpoint cannot hold.")
    return flat, {key: tensor for _, tensors in parts for key, tensor in tensors.items()}


def unflatten(flat: Any, tensors: dict[str, Tensor]) -> Any:
    """The tree that `flatten` took apart.

    Tensors are copied, to memory that torch has laid out: sums over memory that begins elsewhere
    may differ in the last bit.
    """
    if isinstance(flat, list):
        return [unflatten(each, tensors) for each in flat]
    if not isinstance(flat, dict):
        return flat
    if TENSOR in flat:
        return tensors[flat[TENSOR]].clone(memory_format=torch.contiguous_format)
    if TUPLE in flat:
        return tuple(unflatten(each, tensors) for each in flat[TUPLE])
    pairs = flat.get(PAIRS, flat.items())
    return {key: unflatten(each, tensors) for key, each in pairs}


def _below(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)
