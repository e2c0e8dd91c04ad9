import math

import pytest
import torch
from descents import parameters

from lib.training.clipping import clip_gradients, global_norm


def with_gradients(scale=1.0, dtype=torch.float64):
    params = parameters(dtype=dtype)
    for p in params[:-1]:  # the last has none
        p.grad = (scale * p.detach().double().cos()).to(dtype)
    return params


def test_by_hand():
    p, q, r = parameters(((1,), (1,), (1,)))
    p.grad = torch.tensor([3.0], dtype=torch.float64)
    q.grad = torch.tensor([-4.0], dtype=torch.float64)
    before = p.grad
    assert global_norm([p, q, r]).item() == 5
    assert clip_gradients([p, q, r], max_norm=2.5).item() == 5
    assert p.grad is before  # in place
    assert p.grad.item() == pytest.approx(3 * 2.5 / (5 + 1e-6), abs=1e-12)
    assert q.grad.item() == pytest.approx(-4 * 2.5 / (5 + 1e-6), abs=1e-12)
    assert r.grad is None


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 1e6])
def test_is_pytorchs(scale):
    ours, theirs = with_gradients(scale), with_gradients(scale)
    norm = clip_gradients(iter(ours), 1.0)
    torch.testing.assert_close(norm, torch.nn.utils.clip_grad_norm_(theirs, 1.0))
    torch.testing.assert_close([p.grad for p in ours[:-1]], [p.grad for p in theirs[:-1]])
    assert ours[-1].grad is None


def test_short_gradients_are_left_alone():
    params = with_gradients(1e-3)
    before = [p.grad.clone() for p in params[:-1]]
    clip_gradients(params, 1.0)
    clip_gradients(params, math.inf)
    assert all(torch.equal(p.grad, x) for p, x in zip(params, before))


def test_the_norm_of_low_precision_gradients_is_float32():
    (p,) = parameters(((100_000,),), dtype=torch.bfloat16)
    p.grad = torch.ones_like(p)
    norm = clip_gradients([p], 1.0)
    assert norm.dtype == torch.float32
    assert norm.item() == pytest.approx(math.sqrt(100_000))
    assert p.grad.dtype == torch.bfloat16
    (p,) = parameters(((2,),), dtype=torch.float16)
    p.grad = torch.full_like(p, 60_000)  # their squares are infinite in float16
    assert global_norm([p]).item() == pytest.approx(60_000 * math.sqrt(2), rel=1e-3)


def test_nothing_to_clip():
    assert clip_gradients(parameters(), 1.0).item() == 0
    assert global_norm([]).item() == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_norm_tells_of_bad_gradients(bad):
    params = with_gradients()
    params[1].grad[2, 1] = bad
    assert not clip_gradients(params, 1.0).isfinite()


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan])
def test_a_norm_of_zero_is_refused(max_norm):
    with pytest.raises(ValueError, match=f"max_norm is {max_norm}: nothing could move"):
        clip_gradients(parameters(), max_norm)
