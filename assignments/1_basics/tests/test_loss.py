"""Cross-entropy: by hand, at sizes where exp ends, and PyTorch's with its gradient."""

import math

import torch
from torch import Tensor, nn

from adapters import model
from lib.grading.feedback import same
from lib.grading.problems import problem


def drawn(*leading: int, V: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(*leading, V, generator=generator, dtype=torch.float64)
    return logits, torch.randint(V, leading, generator=generator)


@problem("cross_entropy")
def test_by_hand():
    cases = [
        ([[7.0]], [0], 0.0),
        ([[0.0, 0.0]], [0], math.log(2)),
        ([[0.0, math.log(3)]], [1], -math.log(0.75)),
        ([[0.0, math.log(3)], [0.0, math.log(3)]], [1, 0], -math.log(0.75 * 0.25) / 2),
    ]
    for logits, targets, expected in cases:
        yours = model.cross_entropy(torch.tensor(logits), torch.tensor(targets))
        given = f"logits {logits}, targets {targets}"
        same(yours, torch.tensor(expected), given=given, within=1e-6)


@problem("cross_entropy")
def test_all_tokens_equally_likely():
    for V in (1, 2, 10, 1000):
        yours = model.cross_entropy(torch.full((2, 3, V), 5.0), torch.zeros(2, 3, dtype=torch.long))
        given = f"six equal rows of {V} equal logits, expected is log {V}"
        same(yours, torch.tensor(math.log(V)), given=given, within=1e-5)


@problem("cross_entropy")
def test_a_probability_too_small_for_a_float_has_a_finite_loss():
    """exp(-1000) is 0 in every float, and exp(1000) infinite."""
    for size in (10.0, 100.0, 1000.0, 1e5):
        for logits in ([[0.0, size]], [[-size, 0.0]], [[size, 2 * size]]):
            yours = model.cross_entropy(torch.tensor(logits), torch.tensor([0]))
            expected = torch.tensor(size + math.log1p(math.exp(-size)))
            same(yours, expected, given=f"logits {logits}, target 0", within=1e-6 * size)


@problem("cross_entropy")
def test_the_mean_is_over_all_leading_axes():
    for leading in ((), (1,), (3,), (2, 3), (2, 1, 5)):
        logits, targets = drawn(*leading, V=7)
        flat = logits.reshape(-1, 7), targets.reshape(-1)
        expected = nn.functional.cross_entropy(*flat)
        given = f"logits of shape {tuple(logits.shape)}, targets of shape {leading}"
        same(model.cross_entropy(logits, targets), expected, given=given, within=1e-10)


@problem("cross_entropy")
def test_the_gradient_is_probability_minus_one_at_the_target():
    for leading in ((1,), (2, 3)):
        logits, targets = drawn(*leading, V=5)
        logits.requires_grad_()
        model.cross_entropy(logits, targets).backward()
        one_hot = nn.functional.one_hot(targets, 5)
        expected = (logits.detach().softmax(-1) - one_hot) / targets.numel()
        given = f"the gradient for logits of shape {tuple(logits.shape)}"
        same(logits.grad, expected, given=given, within=1e-10)
