"""The tiled product: sizes, layouts and epilogues against float64, and the programs' order."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from against_float64 import assert_close, draw

from lib.kernels.matmul import matmul, matmul_op, program_of
from lib.kernels.matmul_tiles import tile_shape

QUICK = ("test_schema", "test_faketensor")  # the two that read what the op says of itself
SIZES = [(1, 1, 1), (67, 131, 71), (3, 64, 130)]


@pytest.mark.parametrize(("M", "N", "K"), SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_products_of_any_size(place, M, N, K, dtype):
    a, b = draw(M, K, dtype=dtype, device=place), draw(K, N, dtype=dtype, device=place, seed=1)
    within = 4 if dtype == torch.float32 else 1  # its sums round like what it stores
    assert_close(matmul(a, b), a.double() @ b.double(), within)


def test_nothing_to_add_or_to_store(place):
    a, bias = torch.ones(3, 0, device=place), torch.arange(5.0, device=place)
    assert matmul(a, torch.ones(0, 5, device=place), bias).tolist() == [bias.tolist()] * 3
    assert matmul(a[:0], torch.ones(0, 5, device=place)).shape == (0, 5)


@pytest.mark.parametrize(("a_turned", "b_turned"), [*itertools.product([False, True], repeat=2)])
def test_layouts(place, a_turned, b_turned):
    a = draw(66, 70, dtype=torch.bfloat16, device=place)
    b = draw(70, 67, dtype=torch.bfloat16, device=place, seed=1)
    expected = a.double() @ b.double()
    a = a.t().contiguous().t() if a_turned else a
    b = b.t().contiguous().t() if b_turned else b
    assert_close(matmul(a, b), expected, within=1)
    assert_close(matmul(a[:, ::2], b[::2]), a[:, ::2].double() @ b[::2].double(), within=1)


def reference(a, b, bias, activation):
    act = {"none": lambda x: x, "relu": F.relu, "silu": F.silu}
    act["gelu"] = lambda x: F.gelu(x, approximate="tanh")
    return act[activation](a @ b + bias)


@pytest.mark.parametrize("activation", ["none", "relu", "gelu", "silu"])
def test_epilogues_and_gradients(place, activation):
    shapes = ((2, 9, 7), (7, 19), (19,), (2, 9, 19))
    *parts, grad = (
        draw(*shape, dtype=torch.float32, device=place, seed=i) for i, shape in enumerate(shapes)
    )
    ours = [part.requires_grad_() for part in parts]
    theirs = [part.detach().double().requires_grad_() for part in parts]
    out, expected = matmul(*ours, activation), reference(*theirs, activation)
    assert_close(out.detach(), expected.detach(), within=4)
    out.backward(grad)
    expected.backward(grad.double())
    for name, x, y in zip("ab+", ours, theirs):
        assert_close(x.grad, y.grad, within=4, name=name)


def test_large_numbers_stay_finite(place):
    """tanh as (e^2a - 1) / (e^2a + 1) would be inf / inf here."""
    a = torch.tensor([[-300.0], [300.0]], device=place, requires_grad=True)
    for activation, end in (("gelu", 1), ("silu", 1), ("relu", 1)):
        out = matmul(a, torch.ones(1, 1, device=place), activation=activation)
        assert out.tolist() == [[0], [300]]
        (slope,) = torch.autograd.grad(out.sum(), a)
        assert slope.tolist() == [[0], [end]]


def test_gradients_only_where_asked(place):
    a, b = torch.ones(2, 3, device=place), torch.ones(3, 2, device=place, requires_grad=True)
    matmul(a, b).sum().backward()
    assert a.grad is None
    assert b.grad.tolist() == [[2, 2]] * 3


def test_every_tile_belongs_to_one_program():
    M, N, tile = 70, 50, 10  # 7 x 5 tiles
    order = [program_of.fn(p, M, N, tile, tile, 3) for p in range(35)]
    assert sorted(order) == list(itertools.product(range(7), range(5)))
    assert order[:4] == [(0, 0), (1, 0), (2, 0), (0, 1)]
    assert order[-5:] == [(6, n) for n in range(5)]  # the last group has one row


def test_big_tiles_for_big_products():
    assert tile_shape(8192, 8192, torch.bfloat16)["BLOCK_N"] == 256
    assert tile_shape(8192, 8192, torch.bfloat16, big_memory=False)["BLOCK_N"] == 128
    assert tile_shape(512, 512, torch.bfloat16)["BLOCK_M"] == 64
    assert tile_shape(1, 4096, torch.bfloat16)["BLOCK_M"] == 16


def test_the_op_keeps_what_it_promises_to_torch(place):
    a, b, bias = (torch.randn(*s, device=place) for s in ((5, 3), (3, 4), (4,)))
    torch.library.opcheck(matmul_op, (b.t(), a.t(), None, "none", False), test_utils=QUICK)
    torch.library.opcheck(matmul_op, (a, b, bias, "gelu", True), test_utils=QUICK)


def test_wrong_tensors_get_a_sentence(place):
    a = torch.zeros(2, 3, device=place)
    with pytest.raises(ValueError, match=r"with one K: a is \(2, 3\), b is \(2, 3\)"):
        matmul(a, a)
    with pytest.raises(ValueError, match="no activation 'tanh': none, relu"):
        matmul(a, a.t(), activation="tanh")
    with pytest.raises(ValueError, match=r"bias of shape \(2,\), not \(3,\)"):
        matmul(a, a.t(), a[0])
    with pytest.raises(TypeError, match="a is float32, b is float16"):
        matmul(a, a.t().half())
