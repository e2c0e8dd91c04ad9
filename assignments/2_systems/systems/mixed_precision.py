"""What autocast turns into which type."""

import torch
from torch import Tensor, nn

from lib.grading.feedback import todo


class Toy(nn.Module):
    """A model with a layer of each kind. Complete."""

    def __init__(self, width_in: int = 8, width: int = 16, n_classes: int = 4) -> None:
        super().__init__()
        self.first = nn.Linear(width_in, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, n_classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(torch.relu(self.first(x))))


def types_inside(
    model: nn.Module, x: Tensor, targets: Tensor, dtype: torch.dtype
) -> dict[str, torch.dtype]:
    """The types of everything in one forward and backward pass under autocast to `dtype`.

    Keys: "output:NAME" for each module inside the model by its name in named_modules() (not the
    model itself), "logits", "loss" (the cross-entropy, computed under autocast too), and
    "parameter:NAME" and "gradient:NAME" for each of named_parameters(). The backward pass runs
    outside of autocast. No hook stays behind, and gradients from before do not count.

    types_inside(Toy(), x, targets, torch.bfloat16)["output:first"]  ->  torch.bfloat16
    """
    return todo("1.4", "register_forward_hook on each module, autocast(x.device.type, dtype).")
