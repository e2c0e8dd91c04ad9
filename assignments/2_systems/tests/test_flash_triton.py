"""The kernel, on a GPU or in Triton's interpreter: few programs, since each takes milliseconds."""

import torch

from adapters import attention as adapter
from lib.grading.feedback import holds, not_here, same
from lib.grading.problems import problem
from lib.kernels.accesses import record_accesses
from lib.kernels.language import NO_TRITON, has_triton, interprets
from systems.attention import attention

SHAPES = ((1, 16, 16, 16), (2, 32, 32, 16), (1, 32, 48, 32))
DEVICE = "cpu" if interprets() or not has_triton() else "cuda"


def tensors(B: int, T: int, S: int, H: int, dtype: torch.dtype = torch.float32):
    if not has_triton():
        not_here(NO_TRITON)
    generator = torch.Generator().manual_seed(B + T + S + H)
    shapes = ((B, T, H), (B, S, H), (B, S, H))
    made = [torch.randn(shape, generator=generator).to(DEVICE, dtype) for shape in shapes]
    return [x.requires_grad_() for x in made]


def about(B: int, T: int, S: int, H: int, causal: bool) -> str:
    return f"{B} sequences, {T} queries, {S} keys of width {H}, is_causal={causal}"


def check(shapes, causal: bool) -> None:
    for shape in shapes:
        q, k, v = tensors(*shape)
        yours, right = adapter.flash_attention_triton(q, k, v, causal), attention(q, k, v, causal)
        same(yours.detach(), right.detach(), given=about(*shape, causal), within=1e-5)


@problem("flash_triton")
def test_everybody_sees_everything():
    check(SHAPES, causal=False)


@problem("flash_triton")
def test_nobody_looks_ahead():
    check(SHAPES, causal=True)


@problem("flash_triton")
def test_the_log_sum_is_written_too():
    for causal in (False, True):
        q, k, v = tensors(2, 32, 32, 16)
        out = adapter.flash_attention_triton(q, k, v, causal)
        scores = q @ k.mT / 4
        if causal:
            above = torch.ones(32, 32, dtype=torch.bool, device=q.device).triu(1)
            scores = scores.masked_fill(above, float("-inf"))
        saved = [x for x in out.grad_fn.saved_tensors if x.shape == q.shape[:2]]
        holds(len(saved) == 1, "Saved is one tensor (B, T): L.", yours=[x.shape for x in saved])
        given = f"{about(2, 32, 32, 16, causal)}: L"
        same(saved[0], scores.logsumexp(-1).detach(), given=given, within=1e-5)


@problem("flash_triton")
def test_one_program_for_each_tile_of_queries():
    """And each writes its part of the result and of L, nothing else. Seen in the interpreter."""
    q, k, v = tensors(3, 32, 48, 16)
    if not interprets():
        return
    with record_accesses(q=q, k=k, v=v) as trace:
        adapter.flash_attention_triton(q, k, v, False)
    grids = [launch.grid[:2] for launch in trace.launches]
    rule = (
        "One kernel is launched, with a grid of (T / tile, B) programs, a tile at least 16 queries."
    )
    given = about(3, 32, 48, 16, False)
    holds(grids in ([(2, 3)], [(1, 3)]), rule, given=f"{given}: the grids", yours=grids)
    written, smallest = sum(trace.bytes_written.values()), 4 * (3 * 32 * 16 + 3 * 32)
    same(written, smallest, given=f"{given}: bytes written by the kernel")
    read = trace.bytes_read["k"] + trace.bytes_read["v"]
    most = 2 * 2 * 4 * 3 * 48 * 16
    rule = "Each program reads every key and value once."
    holds(read <= most, rule, given=f"{given}: bytes of k and v that are read", yours=read)


@problem("flash_triton")
def test_hidden_tiles_are_not_read():
    """Causal, 4 tiles of queries and keys: of 16 tiles 10 are visible."""
    q, k, v = tensors(1, 64, 64, 16)
    if not interprets():
        return
    with record_accesses(q=q, k=k, v=v) as trace:
        adapter.flash_attention_triton(q, k, v, True)
    share = trace.bytes_read["k"] / (len(trace.programs) * 4 * 64 * 16)
    rule = "A program stops at the last key that its queries see."
    given = "64 queries and keys, causal: share of the keys that an average program reads"
    holds(share <= 0.76, rule, given=given, yours=share)


@problem("flash_triton")
def test_half_precision():
    q, k, v = tensors(1, 16, 64, 16, torch.bfloat16)
    yours = adapter.flash_attention_triton(q, k, v, False)
    holds(yours.dtype == torch.bfloat16, "The result has the type of q.", yours=yours.dtype)
    right = attention(*(x.float() for x in (q, k, v)))
    distance = (yours.float() - right).abs().max().item()
    rule = (
        "Scores and sums in float32, weights rounded once, and the result once: at most 0.02 apart."
    )
    holds(distance <= 0.02, rule, given="64 keys in bfloat16: largest distance", yours=distance)


@problem("flash_triton")
def test_gradients():
    for causal in (False, True):
        found = []
        for how in (adapter.flash_attention_triton, attention):
            q, k, v = tensors(1, 16, 32, 16)
            (how(q, k, v, causal) * torch.linspace(-1, 2, 16, device=q.device)).sum().backward()
            found.append([q.grad, k.grad, v.grad])
        for name, mine, right in zip("qkv", *found):
            given = f"{about(1, 16, 32, 16, causal)}: gradient of {name}"
            same(mine, right, given=given, within=1e-5)
