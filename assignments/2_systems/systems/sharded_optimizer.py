"""An optimizer whose state is divided among the ranks, each of which updates its own parameters."""

from collections.abc import Callable, Iterable
from typing import Any

import torch

from lib.grading.feedback import todo
from lib.parallel.comm import Comm


class ShardedOptimizer(torch.optim.Optimizer):
    """ShardedOptimizer(params, torch.optim.AdamW, comm, lr=1e-3): any class, and its settings.

    All ranks hold all parameters and the same gradients. Each parameter has one owner. `step` lets
    an optimizer of the given class, which knows this rank's own parameters alone, update these;
    then every parameter is broadcast by its owner. So a rank holds the state of its own only.

    Owners: no rank owns more than total / R + largest numbers, of all parameters so far; whole
    parameters, never parts. All ranks must come to the same result: go by order and sizes alone.

    `params` is what optimizers take: parameters, or dicts {"params": [...], "lr": ...} with
    settings of their own. self.param_groups has all parameters, as in any optimizer; settings that
    a schedule changes there hold in the next step. add_param_group adds parameters later, perhaps
    after steps. A rank that owns nothing still takes part in every broadcast.
    """

    def __init__(
        self,
        params: Iterable[Any],
        optimizer_class: type[torch.optim.Optimizer],
        comm: Comm,
        **settings: Any,
    ) -> None:
        todo(
            "3.6",
            "set what add_param_group needs, then super().__init__(params, settings): it calls it.",
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update own parameters, then share all. A `closure` is called first, if given."""
        return todo("3.6", "copy the groups' settings to the inner optimizer, step it, broadcast.")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take a group in, and decide who owns its parameters."""
        todo(
            "3.6", "super().add_param_group; then the rank with the fewest numbers takes each one."
        )
