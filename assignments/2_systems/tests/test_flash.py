"""Flash attention in PyTorch: equal to the plain one, in tiles, with L kept and nothing large."""

import torch
from torch import Tensor

from adapters import attention as adapter
from lib.grading.feedback import holds, same
from lib.grading.memory_meter import MemoryMeter
from lib.grading.problems import problem
from systems.attention import attention, hidden

SHAPES = ((1, 16, 16, 16), (2, 32, 32, 16), (1, 16, 48, 32), (2, 20, 50, 8), (3, 1, 33, 16))


def tensors(
    B: int, T: int, S: int, H: int, dtype: torch.dtype = torch.float64, size: float = 1.0
) -> list[Tensor]:
    """q, k, v."""
    generator = torch.Generator().manual_seed(B + T + S + H)
    shapes = ((B, T, H), (B, S, H), (B, S, H))
    made = [torch.randn(shape, generator=generator, dtype=torch.float64) * size for shape in shapes]
    return [x.to(dtype).requires_grad_() for x in made]


def about(B: int, T: int, S: int, H: int, causal: bool) -> str:
    return f"{B} sequences, {T} queries, {S} keys of width {H}, is_causal={causal}"


def check_forward(causal: bool) -> None:
    for shape in SHAPES:
        q, k, v = tensors(*shape)
        yours = adapter.flash_attention(q, k, v, causal)
        right = attention(q, k, v, causal)
        same(yours.detach(), right.detach(), given=about(*shape, causal), within=1e-10)


def log_sums(q: Tensor, k: Tensor, causal: bool) -> Tensor:
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if causal:
        scores = scores.masked_fill(hidden(q.shape[1], k.shape[1]), float("-inf"))
    return scores.logsumexp(dim=-1)


@problem("flash_forward")
def test_everybody_sees_everything():
    check_forward(causal=False)


@problem("flash_forward")
def test_nobody_looks_ahead():
    """The queries are the last ones: with 16 queries and 48 keys the first sees 33 of them."""
    check_forward(causal=True)


@problem("flash_forward")
def test_sums_are_corrected_when_a_larger_score_comes():
    """Keys that fit better and better, so that each tile has a new maximum; scores up to 1,000."""
    q, k, v = tensors(1, 16, 64, 16)
    with torch.no_grad():
        k.copy_(torch.arange(64.0)[:, None] * q[:, :1].sign() * 2)
    for causal in (False, True):
        yours, right = adapter.flash_attention(q, k, v, causal), attention(q, k, v, causal)
        given = f"keys that fit better and better, is_causal={causal}"
        same(yours.detach(), right.detach(), given=given, within=1e-9)


@problem("flash_forward")
def test_exactly_the_log_sum_is_kept_beside_arguments_and_result():
    for shape in ((1, 16, 16, 16), (2, 32, 48, 8)):
        for causal in (False, True):
            q, k, v = tensors(*shape)
            out = adapter.flash_attention(q, k, v, causal)
            saved = out.grad_fn.saved_tensors
            known = {tuple(x.shape) for x in (q, k, v, out)}
            rest = [x for x in saved if tuple(x.shape) == tuple(q.shape[:2])]
            rule = "Saved are q, k, v, the result, and one tensor with a number for each query."
            sizes = [tuple(x.shape) for x in saved]
            fits = len(saved) == 5 and len(rest) == 1 and known <= set(sizes)
            holds(fits, rule, given=about(*shape, causal), yours=sizes)
            given = f"{about(*shape, causal)}: L"
            same(rest[0], log_sums(q, k, causal).detach(), given=given, within=1e-9)


@problem("flash_forward")
def test_the_matrix_of_scores_never_exists():
    B, T, S, H = 1, 192, 192, 16
    q, k, v = tensors(B, T, S, H, torch.float32)
    for causal in (False, True):
        with MemoryMeter(q, k, v) as meter:
            adapter.flash_attention(q, k, v, causal)
        rule = f"No tensor has a quarter of all {B * T * S} scores, which is {B * T * S} bytes."
        given = f"{about(B, T, S, H, causal)}: bytes of the largest tensor"
        holds(meter.largest < B * T * S, rule, given=given, yours=meter.largest)


@problem("flash_forward")
def test_sums_are_kept_in_float32():
    """In bfloat16 a sum of 256 equal weights stops growing long before its end."""
    q, k, v = tensors(1, 16, 512, 16, torch.bfloat16, size=0.1)
    yours = adapter.flash_attention(q, k, v, False)
    holds(yours.dtype == torch.bfloat16, "The result has the type of q.", yours=yours.dtype)
    right = attention(*(x.double() for x in (q, k, v)))
    distance = (yours.double() - right).abs().max().item()
    largest = right.abs().max().item()
    rule = "Rounding the result alone costs at most 1/256 of a number; sums in 16 bits cost more."
    given = "512 keys in bfloat16: the largest distance / the largest number"
    holds(distance <= largest / 128, rule, given=given, yours=distance / largest)
    sums = [x for x in yours.grad_fn.saved_tensors if x.shape == q.shape[:2]]
    types = [x.dtype for x in sums]
    holds(types == [torch.float32], "L is float32 where q is bfloat16.", yours=types)


def gradients(how, *shape: int, causal: bool, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Of q, k and v, for a loss that weighs every number of the result differently."""
    q, k, v = tensors(*shape, dtype)
    out = how(q, k, v, causal)
    weights = torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view_as(out)
    (out * weights).sum().backward()
    return [q.grad, k.grad, v.grad]


def check_gradients(how, causal: bool, shapes: tuple, dtype: torch.dtype, within: float) -> None:
    for shape in shapes:
        yours = gradients(how, *shape, causal=causal, dtype=dtype)
        expected = gradients(attention, *shape, causal=causal, dtype=dtype)
        for name, mine, right in zip(("v", "k", "q"), yours[::-1], expected[::-1]):
            given = f"{about(*shape, causal)}: gradient of {name}"
            holds(mine is not None, f"{name} has a gradient.", given=given)
            same(mine, right, given=given, within=within)


@problem("flash_backward")
def test_gradients_where_everybody_sees_everything():
    check_gradients(adapter.flash_attention, False, SHAPES, torch.float64, 1e-9)


@problem("flash_backward")
def test_gradients_where_nobody_looks_ahead():
    check_gradients(adapter.flash_attention, True, SHAPES, torch.float64, 1e-9)


@problem("flash_backward")
def test_the_rule_has_no_gradient_and_types_stay():
    for causal in (False, True):
        yours = gradients(
            adapter.flash_attention, 1, 16, 32, 16, causal=causal, dtype=torch.bfloat16
        )
        types = [x.dtype for x in yours]
        same(types, [torch.bfloat16] * 3, given="q, k and v in bfloat16: types of the gradients")
