"""Optimizer state that lies on several ranks: put together, and taken apart again.

Whole state is that of an optimizer on one process: for each parameter, by its number, a dict with
tensors of its shape (Adam's averages) and others (its step counter).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lib.parallel.comm import Comm
from lib.parallel.flat import Piece
from lib.parallel.objects import all_gather_objects
from lib.parallel.owned import Owned, OwnedRange

State = Mapping[int, dict[str, Any]]


def whole_state(
    comm: Comm, owned: list[Owned], inner: torch.optim.Optimizer, numbers: dict[Tensor, int]
) -> State:
    """The state of every parameter that has one. All ranks call it, and all get it."""
    mine: dict[int, tuple[Piece | None, dict[str, Any]]] = {}
    for each in owned:
        mine |= own_state(each, inner, numbers, comm.rank)
    state: dict[int, dict[str, Any]] = {}
    shapes = {number: p.shape for p, number in numbers.items()}
    everywhere = all_gather_objects(comm, mine)
    for number, shape in shapes.items():
        found = [theirs[number] for theirs in everywhere if number in theirs]
        if found:
            state[number] = _joined(found, shape)
    return state


def load_state(
    state: State,
    owned: list[Owned],
    inner: torch.optim.Optimizer,
    numbers: dict[Tensor, int],
    rank: int,
) -> None:
    """Give the optimizer of this rank its part."""
    inner.state.clear()
    for each in owned:
        if isinstance(each, OwnedRange):
            _load_range(state, each, inner, numbers, rank)
        else:
            for p in each.mine:
                if numbers[p] in state:
                    inner.state[p] = {k: _copied(v, p) for k, v in state[numbers[p]].items()}


def own_state(
    each: Owned, inner: torch.optim.Optimizer, numbers: dict[Tensor, int], rank: int
) -> dict[int, tuple[Piece | None, dict[str, Any]]]:
    """By parameter: which piece of it this rank has state for, and that state."""
    if not isinstance(each, OwnedRange):
        return {numbers[p]: (None, dict(inner.state[p])) for p in each.mine if p in inner.state}
    if each.part not in inner.state:
        return {}
    found, state = {}, inner.state[each.part]
    for piece in each.layout.pieces(rank):
        if piece.numel:
            stop = piece.at + piece.numel
            cut = {
                k: v[piece.at : stop] if _runs_along(v, each.part) else v for k, v in state.items()
            }
            found[numbers[each.bucket.params[piece.tensor]]] = (piece, cut)
    return found


def _joined(found: list[tuple[Piece | None, dict[str, Any]]], shape: torch.Size) -> dict[str, Any]:
    """What the ranks have of one parameter, in the order of the ranks, which is that of pieces."""
    piece, first = found[0]
    if piece is None:
        return first
    whole = {}
    for name, value in first.items():
        if isinstance(value, Tensor) and value.dim() == 1:
            value = torch.cat([state[name] for _, state in found]).view(shape)
        whole[name] = value
    return whole


def _load_range(
    state: State,
    each: OwnedRange,
    inner: torch.optim.Optimizer,
    numbers: dict[Tensor, int],
    rank: int,
) -> None:
    pieces = [piece for piece in each.layout.pieces(rank) if piece.numel]
    known = {piece: state.get(numbers[each.bucket.params[piece.tensor]], {}) for piece in pieces}
    for values in known.values():
        for name, value in values.items():
            here = inner.state[each.part]
            if name not in here:
                along = isinstance(value, Tensor) and value.dim() > 0
                here[name] = (
                    torch.zeros_like(each.part, dtype=value.dtype)
                    if along
                    else _copied(value, each.part)
                )
    for piece, values in known.items():
        for name, value in values.items():
            target = inner.state[each.part][name]
            if _runs_along(target, each.part):
                target[piece.at : piece.at + piece.numel] = value.flatten()[
                    piece.start : piece.stop
                ]
            elif not _equal(target, value):
                raise ValueError(
                    f"Parameters that share a bucket differ in {name!r}: {target} and {value}. "
                    "With partition='parameters' each can have its own."
                )


def _runs_along(value: Any, part: Tensor) -> bool:
    return isinstance(value, Tensor) and value.dim() == 1 and value.shape == part.shape


def _copied(value: Any, p: Tensor) -> Any:
    """A tensor of its own, where the optimizer keeps it: counters stay where they are."""
    if not isinstance(value, Tensor):
        return value
    return value.clone() if value.dim() == 0 else value.to(p.device, copy=True)


def _equal(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a == b
