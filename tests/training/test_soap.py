"""SOAP against the paper's algorithm in NumPy, and where it is plain AdamW."""

import numpy as np
import pytest
import torch
from descents import after, descend, parameters
from torch.utils.flop_counter import FlopCounterMode

from lib.training.adaptive import AdamW
from lib.training.soap import SOAP, better_basis

LR, BETA1, BETA2, EPS, DECAY, EVERY = 0.01, 0.9, 0.95, 1e-8, 0.1, 3


def published(gradients, W, QL, QR):
    """Algorithm 3 of arXiv 2409.11321, line by line, with algorithm 4 for the eigenvectors."""
    G = gradients[0]
    L, R = (1 - BETA2) * G @ G.T, (1 - BETA2) * G.T @ G
    for P, Q in ((L, QL), (R, QR)):  # where eigenvalues are equal, others would do as well
        np.testing.assert_allclose(Q @ np.diag(np.linalg.eigvalsh(P)) @ Q.T, P, atol=1e-12)
    M, V = np.zeros_like(W), np.zeros_like(W)
    for t, G in enumerate(gradients[1:], start=1):
        turned = QL.T @ G @ QR
        M = BETA1 * M + (1 - BETA1) * G
        V = BETA2 * V + (1 - BETA2) * turned * turned
        turned_M = QL.T @ M @ QR / (1 - BETA1**t)
        N = turned_M / (np.sqrt(V / (1 - BETA2**t)) + EPS)
        W = W - LR * DECAY * W - LR * QL @ N @ QR.T
        L = BETA2 * L + (1 - BETA2) * G @ G.T
        R = BETA2 * R + (1 - BETA2) * G.T @ G
        if t % EVERY == 0:
            QL, QR = np.linalg.qr(L @ QL)[0], np.linalg.qr(R @ QR)[0]
    return W


@pytest.mark.parametrize("shape", [(3, 5), (6, 2), (4, 4)])
def test_is_the_published_algorithm(shape):
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((14, *shape))
    start = rng.standard_normal(shape)
    p = torch.nn.Parameter(torch.tensor(start))
    optimizer = SOAP([p], LR, (BETA1, BETA2), EPS, DECAY, EVERY)
    for gradient in gradients:
        p.grad = torch.tensor(gradient)
        optimizer.step()
        if "mean" not in optimizer.state[p]:
            bases = [
                optimizer.state[p][name].numpy().copy() for name in ("left_basis", "right_basis")
            ]
    expected = torch.tensor(published(gradients, start, *bases))
    torch.testing.assert_close(p.detach(), expected, rtol=0, atol=1e-8)
    assert (expected - torch.tensor(start)).abs().max() > 5 * LR


def test_the_first_gradient_moves_nothing():
    (p,) = parameters(((3, 5),))
    before = p.detach().clone()
    optimizer = SOAP([p])
    descend(optimizer, [p], [0])
    assert torch.equal(p, before)
    descend(optimizer, [p], [1])
    assert not torch.equal(p, before)


def test_what_cannot_be_turned_gets_adamw():
    settings = {"lr": 0.02, "betas": (0.8, 0.9), "weight_decay": 0.3}
    shapes = ((4,), (), (5, 6), (2, 3, 4))
    ours = after(lambda p: SOAP(p, max_side=4, **settings), shapes=shapes)
    torch.testing.assert_close(ours, after(lambda p: AdamW(p, **settings), shapes=shapes))


def test_a_long_side_is_not_turned():
    params = parameters(((3, 9), (9, 3)))
    optimizer = SOAP(params, max_side=5)
    descend(optimizer, params, range(4))
    wide, tall = (optimizer.state[p] for p in params)
    assert wide["left_basis"].shape == (3, 3)
    assert tall["right_basis"].shape == (3, 3)
    assert not {"right", "right_basis"} & set(wide)
    assert not {"left", "left_basis"} & set(tall)


def test_no_product_of_a_long_side_is_formed():
    (p,) = parameters(((3, 500),))
    optimizer = SOAP([p], max_side=400)
    with FlopCounterMode(display=False) as counter:
        descend(optimizer, [p], range(5))
    assert 0 < counter.get_total_flops() < 2 * 500 * 500 * 3


def test_a_turned_problem_gives_the_turned_path():
    """Adam's path depends on the coordinates; SOAP's does not, as it finds its own."""
    generator = torch.Generator().manual_seed(0)
    left, right, start, target = torch.randn(4, 4, 4, generator=generator, dtype=torch.float64)
    left, right = torch.linalg.qr(left).Q, torch.linalg.qr(right).Q
    noise = torch.randn(20, 4, 4, generator=generator, dtype=torch.float64)

    def path(make, turned):
        p = torch.nn.Parameter(left @ start @ right if turned else start.clone())
        optimizer = make([p])
        for wobble in noise:
            there = target + wobble
            p.grad = p.detach() - (left @ there @ right if turned else there)
            optimizer.step()
        return p.detach()

    for make, same in ((SOAP, True), (AdamW, False)):
        expected = left @ path(make, turned=False) @ right
        assert torch.allclose(path(make, turned=True), expected, rtol=0, atol=1e-8) == same


def test_the_basis_ends_at_the_eigenvectors():
    symmetric = torch.diag(torch.tensor([1.0, 9.0, 4.0], dtype=torch.float64))
    rotation = torch.linalg.qr(torch.arange(9.0, dtype=torch.float64).view(3, 3).cos()).Q
    basis = torch.eye(3, dtype=torch.float64)
    for _ in range(60):
        basis = better_basis(rotation @ symmetric @ rotation.T, basis)
    found = basis.T @ rotation @ symmetric @ rotation.T @ basis
    expected = torch.diag(torch.tensor([9.0, 4.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(found, expected)
