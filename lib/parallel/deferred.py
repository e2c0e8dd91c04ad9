"""Weight gradients that wait: backward computes what others need, and leaves the rest for later.

The backward pass of y = x W^T is two products: dx = dy W, which the layer before waits for, and
dW = dy^T x, for which only the optimizer waits. Here the first is done in its place and the second
becomes a function to be called when there is time. Between the two, the layer's x and dy are kept.

Only matrices are treated so, where nearly all the work is. The few sums of norms and embeddings are
done at once. (arXiv 2401.10241, section 2, where the idea is from, splits the same way.)
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

Later = list[Callable[[], None]]


class DeferredWeights(TorchFunctionMode):
    """While it lasts, products with weights put their second half into `later` on the way back.

        later = []
        with DeferredWeights(later):
            y = model(x)
        y.sum().backward()  # the gradient of x
        compute(later)  # those of the weights

    It looks at every call of a function of PyTorch, and takes over those of F.linear.
    """

    def __init__(self, later: Later) -> None:
        super().__init__()
        self.later = later

    def __torch_function__(
        self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if function is F.linear:
            return _linear(self.later, *args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def compute(later: Later) -> None:
    """All that has been left, added to `.grad`. What was kept for it is free afterwards."""
    while later:
        later.pop(0)()


def _linear(later: Later, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    learns = weight.requires_grad or (bias is not None and bias.requires_grad)
    if not (learns and torch.is_grad_enabled()):
        return F.linear(x, weight, bias)
    return _DeferredLinear.apply(x, torch.empty(0, requires_grad=True), (weight, bias), later)


class _DeferredLinear(torch.autograd.Function):
    """Autograd does not see the weights, as they are in a tuple: no hook of theirs is called early.
    It sees a tensor without values, so that there is a way back even if x needs no gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, nothing: Tensor, weights: tuple[Tensor, Tensor | None], later: Later
    ) -> Tensor:
        ctx.save_for_backward(x)
        ctx.weights, ctx.later = weights, later
        return F.linear(x, *weights)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, None, None, None]:
        ctx.later.append(partial(_add_gradients, *ctx.saved_tensors, *ctx.weights, dy))
        return (dy @ ctx.weights[0] if ctx.needs_input_grad[0] else None), None, None, None


@torch.no_grad()
def _add_gradients(x: Tensor, weight: Tensor, bias: Tensor | None, dy: Tensor) -> None:
    """By way of autograd, since a weight may be a copy in another dtype, or have hooks."""
    x, dy = x.flatten(0, -2), dy.flatten(0, -2)
    if weight.requires_grad:
        torch.autograd.backward(weight, dy.T @ x)
    if bias is not None and bias.requires_grad:
        torch.autograd.backward(bias, dy.sum(dim=0))
