"""What torch really holds: the tensors saved for a backward pass, and a training run's state."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def saved_bytes(fn: Callable[[], Tensor]) -> int:
    """Bytes that the graph behind the result of `fn` keeps for the backward pass.

    Memory that several saved tensors share counts once, parameters (and other leaves that collect
    gradients) not at all: they are held anyway. Under torch.utils.checkpoint only what is kept
    until the recomputation is seen.
    """
    return sum(storage_bytes(tensor) for tensor in saved_tensors(fn))


def saved_tensors(fn: Callable[[], Tensor]) -> list[Tensor]:
    """The tensors behind `saved_bytes`, one for each piece of memory, in the order of saving."""
    saved: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        detached = tensor.detach()  # itself would hold the graph that holds it, for ever
        saved.setdefault(_address(tensor), detached)
        return detached

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = fn()
    leaves = {_address(leaf) for leaf in graph_leaves(result)}
    return [tensor for address, tensor in saved.items() if address not in leaves]


def graph_leaves(result: Tensor) -> list[Tensor]:
    """The tensors that collect gradients when `result.backward()` is called."""
    leaves, seen, to_visit = [], set(), [result.grad_fn]
    while to_visit:
        node = to_visit.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):  # of AccumulateGrad, where a path ends
            leaves.append(node.variable)
        to_visit.extend(next_node for next_node, _ in node.next_functions)
    return leaves


def bytes_held(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, int]:
    """Bytes of a training run's state, by kind: compare with `memory.training_state`."""
    params = list(model.parameters())
    state = [value for entry in optimizer.state.values() for value in entry.values()]
    return {
        "parameters": _total(params),
        "gradients": _total(p.grad for p in params if p.grad is not None),
        "optimizer": _total(value for value in state if isinstance(value, Tensor)),
    }


def storage_bytes(tensor: Tensor) -> int:
    """Of the whole memory that a tensor is a view of: that is what it keeps alive."""
    return tensor.untyped_storage().nbytes()


def _total(tensors: Iterable[Tensor]) -> int:
    return sum({_address(tensor): storage_bytes(tensor) for tensor in tensors}.values())


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
