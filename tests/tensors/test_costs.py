"""Arithmetic intensity: the numbers worked out by hand."""

import pytest
import torch

from lib.tensors.costs import Cost, dot, gelu, matmul, matvec, relu


@pytest.mark.parametrize(
    ("cost", "intensity"),
    [
        (relu(2**20), 1 / 4),
        (gelu(2**20), 20 / 4),
        (dot(2**20), 0.5),
        (matvec(1024, 1024), 0.998),
        (matmul(1024, 1024, 1024), 1024 / 3),
        (matmul(1024, 1024, 1024, torch.float32), 1024 / 6),
        (relu(2**20, "fp8_e4m3"), 1 / 2),
    ],
)
def test_intensity(cost, intensity):
    assert cost.intensity == pytest.approx(intensity, rel=1e-3)


def test_a_matmul_of_unequal_sizes():
    assert matmul(2, 3, 5, "fp32") == Cost(flops=60, bytes=4 * (6 + 15 + 10))
    assert matvec(3, 5, "fp16") == Cost(30, 2 * (3 + 15 + 5))
    assert dot(3, "fp64") == Cost(6, 8 * 7)


def test_costs_add_up():
    assert relu(10) + gelu(10) == Cost(210, 80)
