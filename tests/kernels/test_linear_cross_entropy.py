"""The last layer and its loss in chunks: against float64, and by what never exists in memory."""

import pytest
import torch
import torch.nn.functional as F
from against_float64 import assert_close, draw
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lib.kernels.linear_cross_entropy import (
    linear_cross_entropy,
    linear_cross_entropy_op,
    losses_and_gradients,
)
from lib.training.losses import chunked_cross_entropy

R, D, V = 7, 2, 37


def example(place, dtype=torch.float32):
    hidden = draw(R, D, dtype=dtype, device=place)
    weight = draw(V, D, dtype=dtype, device=place, seed=1)
    targets = torch.arange(R, device=place) * 7 % V
    targets[3] = -100
    return hidden, weight, targets


@pytest.mark.parametrize(
    ("dtype", "chunk"), [(torch.float32, 1), (torch.float32, 1024), (torch.bfloat16, 4)]
)
def test_loss_and_gradients(place, dtype, chunk):
    hidden, weight, targets = example(place, dtype)
    exact = [x.double().requires_grad_() for x in (hidden, weight)]
    expected = 3 * F.cross_entropy(exact[0] @ exact[1].t(), targets)
    loss = 3 * linear_cross_entropy(
        hidden.requires_grad_(), weight.requires_grad_(), targets, chunk=chunk
    )
    loss.backward()
    expected.backward()
    assert loss.dtype == torch.float32
    rounding = torch.finfo(dtype).eps / torch.finfo(torch.float32).eps  # of the logits
    assert_close(loss.detach(), expected.detach(), within=4 * rounding)
    for x, y, name in zip((hidden, weight), exact, ("hidden", "weight")):
        assert_close(x.grad, y.grad, within=8, name=name)


def test_the_same_as_the_training_loss(place):
    hidden, weight, targets = example(place)
    hidden, targets = hidden[:6].view(2, 3, D), targets[:6].view(2, 3)
    for asked in (False, True):  # an evaluation, a training step
        weight.requires_grad_(asked)
        ours = linear_cross_entropy(hidden, weight, targets, z_loss=0.1, chunk=3)
        theirs = chunked_cross_entropy(
            hidden, weight, targets, mask=targets >= 0, z_loss=0.1, chunk=3
        )
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)
    gradients = [torch.autograd.grad(loss, weight)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*gradients)


def test_a_weight_kept_wide_gets_a_wide_gradient(place):
    hidden, weight, targets = example(place, torch.bfloat16)
    wide = weight.float().requires_grad_()
    (grad,) = torch.autograd.grad(linear_cross_entropy(hidden, wide, targets, chunk=4), wide)
    assert grad.dtype == torch.float32
    rounded = {"chunk": 4, "sums": torch.bfloat16}
    (coarse,) = torch.autograd.grad(linear_cross_entropy(hidden, wide, targets, **rounded), wide)
    assert torch.equal(coarse, coarse.bfloat16().float())
    assert not torch.equal(grad, grad.bfloat16().float())
    assert_close(coarse.bfloat16(), grad.double(), within=4)


class Sizes(TorchDispatchMode):
    """How many numbers the largest tensor has that an operation inside returns."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        sizes = (x.numel() for x in tree_leaves(out) if isinstance(x, torch.Tensor))
        self.largest = max(self.largest, *sizes, 0)
        return out


def test_the_logits_never_exist(place):
    """The largest tensor is one chunk of logits, in rows filled up to a multiple of 16."""
    hidden, weight, targets = example(place)
    with Sizes() as sizes:
        losses_and_gradients(hidden, weight, targets, -100, 0.0, 3, torch.float32)
    assert sizes.largest == 3 * 48
    with Sizes() as sizes:
        losses_and_gradients(hidden, weight, targets, -100, 0.0, 1, torch.float32)
    assert sizes.largest == 48 * D  # with less logits, the gradient of the weight
    with Sizes() as sizes:
        hidden @ weight.t()
    assert sizes.largest == R * V


def test_nothing_counts_or_there_is_nothing(place):
    hidden, weight, targets = example(place)
    assert linear_cross_entropy(hidden, weight, targets * 0 - 100).isnan()
    assert linear_cross_entropy(hidden[:0], weight.requires_grad_(), targets[:0]).isnan()


def test_the_op_keeps_what_it_promises_to_torch(place):
    arguments = (*example(place), -100, 0.0, 10, torch.float32)
    torch.library.opcheck(linear_cross_entropy_op, arguments, test_utils="test_faketensor")


def test_wrong_arguments_get_a_sentence(place):
    hidden, weight, targets = example(place)
    with pytest.raises(ValueError, match="from 1 up, not 0"):
        linear_cross_entropy(hidden, weight, targets, chunk=0)
    with pytest.raises(ValueError, match=r"weight of shape \(2, 2\), not \(2, 37\)"):
        linear_cross_entropy(hidden, weight.t(), targets)
    with pytest.raises(TypeError, match=r"torch.float32 or hidden's torch.float32, not torch.floa"):
        linear_cross_entropy(hidden, weight, targets, sums=torch.float16)
