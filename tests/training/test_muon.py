"""Muon by its singular values, against PyTorch's Muon, and AdamW for the rest."""

import math

import pytest
import torch
from descents import after, parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from lib.training.adaptive import AdamW
from lib.training.muon import (
    COEFFICIENTS,
    Muon,
    MuonAdamW,
    newton_schulz,
    orthogonalise,
    step_scale,
)

MATRICES = ((3, 5), (6, 2), (4, 4), (1, 7))


def random_matrix(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("shape", MATRICES)
def test_each_step_maps_the_singular_values_and_keeps_the_vectors(shape):
    matrix = random_matrix(*shape)
    U, S, Vh = torch.linalg.svd(matrix, full_matrices=False)
    a, b, c = COEFFICIENTS
    s = S / S.norm()  # the norm of a matrix is that of its singular values
    states = list(newton_schulz(matrix, 3))
    assert len(states) == 4
    for state in states:
        torch.testing.assert_close(state, U @ torch.diag(s) @ Vh)
        s = a * s + b * s**3 + c * s**5


@settings(deadline=None)
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), seed=st.integers(0, 9))
def test_all_directions_become_about_equal(rows, columns, seed):
    s = torch.linalg.svdvals(random_matrix(rows, columns, seed))
    after_five = torch.linalg.svdvals(orthogonalise(random_matrix(rows, columns, seed)))
    large = int((s / s.norm() > 0.003).sum())  # they come in descending order, s does
    assert after_five.max() < 1.21
    assert after_five.sort(descending=True).values[:large].min() > 0.68


def test_a_tall_matrix_costs_no_more_than_a_wide_one():
    flops = []
    for shape in ((3, 50), (50, 3)):
        with FlopCounterMode(display=False) as counter:
            orthogonalise(random_matrix(*shape))
        flops.append(counter.get_total_flops())
    assert flops[0] == flops[1] == 5 * 2 * (2 * 3 * 3 * 50) + 5 * 2 * 3**3


def test_scale_and_zero():
    matrix = random_matrix(3, 5)
    torch.testing.assert_close(orthogonalise(1e-3 * matrix), orthogonalise(matrix))
    assert torch.equal(orthogonalise(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_first_step_by_hand():
    """No momentum, and one singular value, which is 1 once the norm is taken out."""
    a, b, c = COEFFICIENTS
    size = 1.0
    for _ in range(5):
        size = a * size + b * size**3 + c * size**5
    p = torch.nn.Parameter(torch.tensor([[1.0], [1.0], [1.0], [1.0]], dtype=torch.float64))
    p.grad = torch.tensor([[3.0], [0.0], [-4.0], [0.0]], dtype=torch.float64)
    Muon([p], lr=0.1, momentum=0.0, weight_decay=0.5).step()
    expected = [0.95 - 0.1 * 2 * size * g for g in (0.6, 0.0, -0.8, 0.0)]  # sqrt(4 / 1) = 2
    torch.testing.assert_close(p.flatten().tolist(), expected)


def test_step_scales():
    assert step_scale(16, 4, "spectral") == 2
    assert step_scale(4, 16, "spectral") == 1
    assert step_scale(16, 4, "adamw") == step_scale(4, 16, "adamw") == 0.8
    with pytest.raises(ValueError, match=r"'adam'\. Choose 'spectral' or 'adamw'"):
        Muon(parameters(MATRICES), scale="adam")


def test_with_the_scale_of_adamw_entries_move_by_a_fifth():
    orthogonal = torch.linalg.qr(random_matrix(40, 10)).Q
    step = step_scale(40, 10, "adamw") * orthogonal
    assert step.square().mean().sqrt().item() == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("scale", "theirs"), [("spectral", "original"), ("adamw", "match_rms_adamw")]
)
def test_is_pytorchs(scale, theirs):
    """Theirs orthogonalises in bfloat16: three digits at every step, and we can do that too."""
    settings = {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.3}
    ours = after(lambda p: Muon(p, scale=scale, bfloat16=True, **settings), shapes=MATRICES)
    theirs = after(lambda p: torch.optim.Muon(p, adjust_lr_fn=theirs, **settings), shapes=MATRICES)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.03)
    exact = after(lambda p: Muon(p, scale=scale, **settings), shapes=MATRICES)
    torch.testing.assert_close(exact, theirs, rtol=0, atol=0.03)
    start = [p.detach() for p in parameters(MATRICES)]
    assert all((x - y).abs().max() > 0.1 for x, y in zip(start, theirs, strict=True))


def test_two_rules_in_one_optimizer():
    shapes = ((3, 5), (4,), (6, 2))
    both = after(
        lambda p: MuonAdamW(p[::2], p[1:2], 0.03, adamw_lr=0.01, adamw_weight_decay=0.2),
        shapes=shapes,
    )

    class Apart:
        def __init__(self, params):
            self.parts = (
                Muon(params[::2], 0.03),
                AdamW(params[1:2], 0.01, betas=(0.9, 0.95), weight_decay=0.2),
            )

        def step(self):
            for part in self.parts:
                part.step()

    torch.testing.assert_close(both, after(Apart, shapes=shapes))


def test_an_empty_side_makes_no_group():
    params = parameters(MATRICES)
    assert len(MuonAdamW(params, []).param_groups) == 1
    assert len(MuonAdamW([], params).param_groups) == 1
    assert math.isclose(MuonAdamW([], params).param_groups[0]["lr"], 3e-3)
