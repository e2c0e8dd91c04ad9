"""What training keeps in memory for each parameter, by recipe.

A training step needs the parameters, their gradients and what the optimizer remembers of each: Adam
two moving averages, momentum one. Parameters in 16 bits lose small updates to rounding, so some
recipes update a second copy in 32 bits, the master copy. Which recipe is meant decides how large
a model fits: a count of bytes per parameter without its recipe says nothing.
"""

from dataclasses import dataclass

from lib.tensors.activations import DecoderConfig, activations


@dataclass(frozen=True)
class Recipe:
    """Bytes per parameter of everything that lives as long as the training run."""

    params: int | float
    grads: int | float
    optimizer: int | float
    master: int | float = 0

    @property
    def bytes_per_param(self) -> int | float:
        return self.params + self.grads + self.optimizer + self.master


RECIPES = {
    "fp32 sgd": Recipe(4, 4, 0),
    "fp32 momentum": Recipe(4, 4, 4),  # AdaGrad, RMSProp and Lion keep as much
    "fp32 adam": Recipe(4, 4, 8),
    "bf16 adam": Recipe(2, 2, 4),
    "bf16 + fp32 moments": Recipe(2, 2, 8),
    "bf16 + fp32 master": Recipe(2, 2, 8, 4),
    "bf16 + fp32 grads and master": Recipe(2, 4, 8, 4),  # gradients summed over many batches
}


def recipe(name: str) -> Recipe:
    """One of RECIPES, or a sentence with their names."""
    if name not in RECIPES:
        raise ValueError(f"There is no recipe {name!r}: there are {', '.join(RECIPES)}.")
    return RECIPES[name]


def training_state(n_params: int | float, by: str | Recipe) -> dict[str, int | float]:
    """Bytes of each kind. Activations come on top: see `activations`."""
    by = recipe(by) if isinstance(by, str) else by
    per_param = {
        "parameters": by.params,
        "gradients": by.grads,
        "optimizer": by.optimizer,
        "master copy": by.master,
    }
    return {kind: n_bytes * n_params for kind, n_bytes in per_param.items()}


def training_memory(
    n_params: int | float,
    by: str | Recipe,
    config: DecoderConfig,
    batch: int,
    length: int,
    recompute_every: int | None = None,
) -> dict[str, int | float]:
    """The state and, in one sum, the activations of a step: all that a device must hold."""
    held = activations(config, batch, length, recompute_every)
    return {**training_state(n_params, by), "activations": sum(held.values())}


def largest_model(memory: int | float, by: str | Recipe) -> float:
    """Parameters whose training state fills so many bytes, without any room for activations."""
    by = recipe(by) if isinstance(by, str) else by
    return memory / by.bytes_per_param
