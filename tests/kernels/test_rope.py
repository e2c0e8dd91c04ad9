"""RoPE against the model's own rotations, for both pairings, whole heads and parts of them."""

import pytest
import torch
from against_float64 import assert_close, draw

from lib.kernels import rope as module
from lib.kernels.rope import rope, rope_op, rope_plain
from lib.model.rope import rotate_adjacent, rotate_halves, rotation

PAIRINGS = pytest.mark.parametrize("half", [False, True], ids=["neighbours", "halves"])


def angles(T, turned_width, place, batched=False):
    positions = torch.arange(3, 3 + T)
    if batched:
        positions = torch.stack([positions, positions * 7])
    return tuple(part.to(place) for part in rotation(positions, turned_width, 100.0))


@PAIRINGS
@pytest.mark.parametrize(
    "shape", [(2, 3, 5, 8), (1, 2, 1, 2), (2, 1, 3, 12), (2, 3, 2, 22)], ids=str
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_values_and_gradients(place, half, shape, dtype):
    x = draw(*shape, dtype=dtype, device=place, seed=1).requires_grad_()
    grad = draw(*shape, dtype=dtype, device=place, seed=2)
    by = angles(shape[1], {22: 12}.get(shape[3], shape[3]), place)  # 22: the last 10 stay
    exact, exact_by = x.detach().double().requires_grad_(), tuple(part.double() for part in by)
    reference = (rotate_halves if half else rotate_adjacent)(exact, exact_by)
    reference.backward(grad.double())
    out = rope(x, *by, half)
    out.backward(grad)
    assert_close(out.detach(), reference.detach(), name="out")
    assert_close(x.grad, exact.grad, name="dx")
    assert torch.allclose(rope_plain(x, *by, half), out, rtol=1e-2, atol=1e-2)


@PAIRINGS
def test_angles_per_sequence_strides_and_many_heads(place, half, monkeypatch):
    monkeypatch.setattr(module, "TILE", 8)  # two heads to a program
    heads_first = draw(2, 5, 3, 8, dtype=torch.float32, device=place)
    by = angles(3, 8, place, batched=True)
    for x in (heads_first.transpose(1, 2), heads_first.movedim(1, 3).transpose(2, 3)):
        assert_close(rope(x, *by, half), rope_plain(x.double(), *by, half), within=4)
    assert rope(heads_first[:0].transpose(1, 2), *(part[:0] for part in by), half).shape[0] == 0


def test_turning_back_undoes_it(place):
    x, by = draw(1, 4, 3, 8, dtype=torch.float32, device=place), angles(4, 8, place)
    back = rope_op(rope(x, *by, half=True), *by, True, True)
    assert torch.allclose(back, x, atol=1e-6)


def test_what_torch_is_promised(place):
    x, by = draw(2, 3, 2, 8, dtype=torch.float32, device=place), angles(3, 6, place)
    torch.library.opcheck(rope_op, (x, *by, True, False))
    with pytest.raises(ValueError, match="5 pairs are 10 coordinates, and a head of x has 8"):
        rope(x, *angles(3, 10, place), True)
    with pytest.raises(ValueError, match=r"needs cos of shape \(3, 4\), not \(2, 4\)"):
        rope(x, *angles(2, 8, place), True)
