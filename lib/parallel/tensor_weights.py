"""The weights of a model cut over ranks: from the whole model to the parts, and back.

A parameter's name says how it is cut: matrices that read the stream by outputs, those that write to
it by inputs, the vocabulary by tokens. All ranks hold the rest, norms and biases of the stream.
Models here are a `TensorTransformer` each.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lib.parallel.tensor import INPUTS, OUTPUTS, shard, unshard

COLUMNS = {"query", "key", "value", "gate", "up", "embedding", "output"}
ROWS = {"out", "down"}


def cut_dimension(name: str) -> int | None:
    """Along which dimension a parameter is cut, by its name; None: all ranks have it."""
    layer, kind = name.split(".")[-2:]
    if layer in COLUMNS:
        return OUTPUTS
    return INPUTS if layer in ROWS and kind == "weight" else None


@torch.no_grad()
def load_full(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Take this rank's part of the weights of a Transformer."""
    for name, parameter in model.named_parameters():
        parameter.copy_(shard(state[name], cut_dimension(name), model.region.comm))


def full_state(model: nn.Module) -> dict[str, Tensor]:
    """The state of the Transformer that the ranks are together, on all of them."""
    return _joined(model, lambda parameter: parameter)


def full_gradients(model: nn.Module) -> dict[str, Tensor]:
    """Its gradients, after a backward pass."""
    return _joined(model, lambda parameter: parameter.grad)


def _joined(model: nn.Module, of: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    comm, found = model.region.comm, {}
    for name, parameter in model.named_parameters():
        dim = cut_dimension(name)
        of_tokens = name.split(".")[0] in ("embedding", "output")
        size = parameter.shape[dim or 0] * comm.n_ranks
        size = model.config.vocab_size if of_tokens else size
        found[name] = unshard(of(parameter), dim, comm, size)
    return found
