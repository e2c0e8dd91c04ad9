"""Flash attention against the readable attention in float64, values and gradients.

Tiles are made small, so that short texts have skipped, masked and whole ones.
"""

import pytest
import torch
from against_float64 import assert_close, draw

from lib.kernels import flash_attention as forward_module
from lib.kernels import flash_attention_backward as backward_module
from lib.kernels.accesses import races, record_accesses
from lib.kernels.flash_attention import (
    flash_attention,
    flash_attention_op,
    flash_attention_plain,
)
from lib.kernels.flash_attention_backward import flash_attention_backward_op
from lib.kernels.flash_settings import forward_settings, kv_settings, q_settings
from lib.kernels.language import interprets
from lib.model.attention import attention, causal_mask, windowed

SHAPES = {  # B, T, S, N, K, H, and the rule
    "causal": ((1, 37, 37, 1, 1, 16), {}),
    "grouped, more keys, odd width": ((1, 19, 29, 4, 2, 11), {"scale": 0.4}),
    "window": ((1, 37, 53, 1, 1, 16), {"window": 19}),
    "narrow window": ((1, 19, 35, 1, 1, 16), {"window": 3}),
    "everything": ((2, 19, 37, 1, 1, 24), {"causal": False}),
    "more queries than keys": ((1, 37, 19, 1, 1, 16), {"window": 5}),
    "one query": ((1, 1, 35, 2, 1, 16), {}),
}


def small_tiles(*_):
    return {"BLOCK_Q": 16, "BLOCK_K": 16, "num_warps": 4, "num_stages": 2}


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(forward_module, "forward_settings", small_tiles)
    monkeypatch.setattr(backward_module, "kv_settings", small_tiles)
    monkeypatch.setattr(backward_module, "q_settings", small_tiles)


def tensors(shape, dtype, device, scale=1.0):
    """q, k, v and a gradient of out."""
    B, T, S, N, K, H = shape
    q, grad = (draw(B, T, N, H, dtype=dtype, device=device, seed=s, scale=scale) for s in (1, 2))
    k, v = (draw(B, S, K, H, dtype=dtype, device=device, seed=s, scale=scale) for s in (3, 4))
    return q.requires_grad_(), k.requires_grad_(), v.requires_grad_(), grad


def compare(q, k, v, grad, within=2.0, **rule):
    wide = [x.detach().double().requires_grad_() for x in (q, k, v)]
    expected = flash_attention_plain(*wide, **rule)
    gradients = torch.autograd.grad(expected, wide, grad.double())
    out = flash_attention(q, k, v, **rule)
    ours = torch.autograd.grad(out, (q, k, v), grad)
    assert_close(out, expected, within, "out")
    for name, mine, theirs in zip("qkv", ours, gradients, strict=True):
        assert_close(mine, theirs, 2 * within, f"gradient of {name}")


@pytest.mark.parametrize("case", SHAPES)
def test_values_and_gradients(place, small, case):
    shape, rule = SHAPES[case]
    compare(*tensors(shape, torch.float32, place), within=8, **rule)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_types(place, small, dtype):
    compare(*tensors((1, 19, 29, 1, 1, 16), dtype, place), window=13)


@pytest.mark.parametrize("H", [64, 80])
def test_the_tiles_that_are_used(place, H):
    compare(*tensors((1, 150, 150, 1, 1, H), torch.bfloat16, place))


def test_two_runs_give_the_same_bits(place):
    q, k, v, grad = tensors((1, 67, 67, 2, 1, 16), torch.bfloat16, place)
    first, second = (
        torch.autograd.grad(flash_attention(q, k, v), (q, k, v), grad) for _ in range(2)
    )
    assert all(map(torch.equal, first, second))


def test_the_twin_is_the_readable_attention():
    q, k, v, _ = (x.double() for x in tensors((2, 13, 29, 6, 2, 5), torch.float32, "cpu"))
    for window in (None, 7):
        mask = windowed(None, 13, 29, window)
        torch.testing.assert_close(
            flash_attention(q, k, v, window=window, scale=0.3),
            attention(q, k, v, causal_mask(13, 29) if mask is None else mask, scale=0.3),
        )


def test_parts_of_one_tensor_are_read_where_they_lie(place, small):
    together = draw(2, 19, 3, 2, 16, dtype=torch.float32, device=place).requires_grad_()
    q, k, v = together.unbind(dim=2)
    out = flash_attention(q, k, v)
    out.sum().backward()  # a gradient with strides of zero
    wide = together.detach().double().requires_grad_()
    expected = flash_attention_plain(*wide.unbind(dim=2))
    expected.sum().backward()
    assert_close(out, expected, 8)
    assert_close(together.grad, wide.grad, 16)


def test_scores_that_would_overflow(place, small):
    q = torch.full((1, 3, 1, 16), 30.0, device=place)  # scores of 3600, and exp(89) is infinite
    out, lse = flash_attention_op(q, q, q, True, None, 0.25)
    assert out.eq(30).all()
    sums = torch.tensor([1.0, 2.0, 3.0], device=place).log() + 3600
    assert_close(lse[0, 0], sums.double(), 2)


def test_queries_that_see_nothing_get_zeros(place, small):
    q, k, v, grad = tensors((1, 5, 2, 1, 1, 16), torch.float32, place)
    out, lse = flash_attention_op(q, k, v, True, None, 0.25)
    assert out[:, :3].eq(0).all() and lse[..., :3].eq(-torch.inf).all()
    (dq,) = torch.autograd.grad(flash_attention(q, k, v), q, grad)
    assert dq[:, :3].eq(0).all() and dq.isfinite().all()


def test_nothing_to_do(place):
    for shape in ((0, 3, 3, 1, 1, 16), (1, 0, 3, 1, 1, 16), (1, 3, 0, 1, 1, 16)):
        q, k, v, grad = tensors(shape, torch.float32, place)
        flash_attention(q, k, v).backward(grad)
        assert k.grad.eq(0).all() and q.grad.eq(0).all()


def test_programs_stay_inside_and_apart(place, small):
    if not interprets():
        pytest.skip("accesses are recorded in the interpreter")
    q, k, v, grad = (x.detach() for x in tensors((1, 19, 19, 2, 1, 11), torch.float32, place))
    with record_accesses(q=q, k=k, v=v) as trace:
        out, lse = flash_attention_op(q, k, v, True, 9, 0.3)
    assert races(trace) == []
    with record_accesses(q=q, k=k, v=v, grad=grad, out=out, lse=lse) as trace:
        flash_attention_backward_op(grad, q, k, v, out, lse, True, 9, 0.3)
    assert races(trace) == []


def test_the_ops_keep_what_they_promise_to_torch(place, small):
    q, k, v, grad = (x.detach() for x in tensors((1, 3, 5, 2, 1, 16), torch.float32, place))
    fast = ("test_schema", "test_faketensor")  # derivatives are the Function's
    torch.library.opcheck(flash_attention_op, (q, k, v, True, 2, 0.25), test_utils=fast)
    out, lse = flash_attention_op(q, k, v, True, 2, 0.25)
    arguments = (grad, q, k, v, out, lse, True, 2, 0.25)
    torch.library.opcheck(flash_attention_backward_op, arguments, test_utils=fast)


def test_settings_follow_width_and_type():
    for settings in (forward_settings, kv_settings, q_settings):
        for H in (1, 16, 80, 128, 256):
            wide, short = (
                settings(H, dtype, torch.device("cpu")) for dtype in (torch.float32, torch.float16)
            )
            assert wide["BLOCK_Q"] * wide["BLOCK_K"] <= short["BLOCK_Q"] * short["BLOCK_K"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"k": (2, 5, 4, 16)}, "3 query heads cannot share 4 key/value heads"),
        ({"v": (2, 4, 3, 16)}, r"needs v of shape \(2, 5, 3, 16\), not \(2, 4, 3, 16\)"),
        ({"q": (2, 5, 3, 512), "k": (2, 5, 3, 512), "v": (2, 5, 3, 512)}, "256 is the widest"),
        ({"window": 0}, "window=0 and causal=True"),
        ({"window": 2, "causal": False}, "window=2 and causal=False"),
        ({"scale": -1.0}, "above zero, not -1.0"),
        ({"dtype": torch.float64}, "q is float64"),
    ],
)
def test_wrong_calls_get_a_sentence(place, change, sentence):
    shapes = {"q": (2, 5, 3, 16), "k": (2, 5, 3, 16), "v": (2, 5, 3, 16), **change}
    dtype = change.get("dtype", torch.float32)
    if "4 key/value" in sentence:
        shapes["v"] = shapes["k"]
    q, k, v = (torch.zeros(shapes[name], device=place, dtype=dtype) for name in "qkv")
    rule = {name: change[name] for name in ("causal", "window", "scale") if name in change}
    with pytest.raises((ValueError, TypeError), match=sentence):
        flash_attention(q, k, v, **rule)
