"""A sequence over ranks: attention as on one rank, who multiplies what, traffic and memory."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lib.model.attention import attention, attention_scores, causal_mask
from lib.parallel.attention_blocks import attend_block, merge
from lib.parallel.context import heads_attention, ring_attention
from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.positions import (
    blocks_at,
    in_order,
    join_positions,
    pieces,
    positions_of,
    take_positions,
    work_at,
)
from lib.parallel.simulated import simulate

B, T, N, K, H = 2, 24, 8, 4, 6
WAYS = {"ring": ring_attention, "heads": heads_attention}


def drawn(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shapes = [(B, T, N, H), (B, T, K, H), (B, T, K, H), (B, T, N, H)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype) for s in shapes]


def on_ranks(comm, way, split, causal, dtype=torch.float64):
    """Result and gradients, joined; what was sent, forward and backward."""
    q, k, v, d_out = (take_positions(comm, x, split) for x in drawn(dtype))
    qkv = [x.requires_grad_() for x in (q, k, v)]
    out = WAYS[way](comm, *qkv, causal=causal, split=split)
    forward = comm.traffic.sent
    gradients = torch.autograd.grad(out, qkv, d_out)
    sent = forward, comm.traffic.sent - forward
    whole = [join_positions(comm, x.detach(), split) for x in (out, *gradients)]
    return whole, sent


def on_one(causal):
    q, k, v, d_out = drawn()
    qkv = [x.requires_grad_() for x in (q, k, v)]
    out = attention(*qkv, None if causal else torch.ones(T, T, dtype=torch.bool))
    return [out.detach(), *torch.autograd.grad(out, qkv, d_out)]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("split", ["contiguous", "zigzag"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 4), (launch, 2), (simulate, 1)])
def test_a_sequence_over_ranks_is_the_sequence(run, n_ranks, way, split, causal):
    expected = on_one(causal)
    for found, sent in run(on_ranks, n_ranks, way, split, causal):
        for mine, theirs in zip(found, expected, strict=True):  # sums in another order
            torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-13)
        n, one = n_ranks, B * (T // n_ranks) * H * 8  # bytes of one head of a rank's part
        if way == "ring":  # keys and values, and on the way back their gradients, which come home
            home = n if n > 1 else 0
            assert sent == ((n - 1) * 2 * K * one, (n - 1 + home) * 2 * K * one)
        else:  # queries, keys, values, and the result: 1 / n of each stays where it is
            assert sent == ((2 * N + 2 * K) * one * (n - 1) // n,) * 2


def test_in_bfloat16_sums_are_taken_in_float32():
    """As exact as attention in float32 of the same numbers, but for the last rounding, 2 ** -9."""
    expected = attention(*(x.float() for x in drawn(torch.bfloat16)[:3]))
    for (out, *_), (_, backward) in simulate(on_ranks, 4, "ring", "zigzag", True, torch.bfloat16):
        assert out.dtype == torch.bfloat16
        torch.testing.assert_close(out.float(), expected, rtol=2**-8, atol=1e-6)
        values = 2 * K * B * (T // 4) * H  # two bytes to go around, four for the gradients
        assert backward == values * (3 * 2 + 4 * 4)


class Largest(TorchDispatchMode):
    n = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for x in out if isinstance(out, tuple | list) else [out]:
            self.n = max(self.n, x.numel()) if isinstance(x, torch.Tensor) else self.n
        return out


def largest_of(comm, T, split):
    q, k, v = (torch.randn(1, T // comm.n_ranks, 2, 4, requires_grad=True) for _ in range(3))
    with Largest() as largest:
        ring_attention(comm, q, k, v, split=split).sum().backward()
    return largest.n


@pytest.mark.parametrize(("split", "n_pieces"), [("contiguous", 4), ("zigzag", 8)])
def test_no_rank_has_scores_of_the_whole_sequence(split, n_pieces):
    """At most those of a piece with a piece, for two heads; four times for a sequence twice as
    long."""
    for T in (256, 512):
        assert set(simulate(largest_of, 4, T, split)) == {2 * (T // n_pieces) ** 2}


def test_merging_blocks_is_attention_to_both():
    q, k, v, _ = drawn()
    blocks = [slice(0, 5), slice(5, 6), slice(6, T)]
    out = torch.zeros(B, T, N, H, dtype=q.dtype)
    log_sum = torch.full((B, T, N), -torch.inf, dtype=q.dtype)
    for block in blocks:
        more = attend_block(q, k[:, block], v[:, block], H**-0.5, False)
        out, log_sum = merge(out, log_sum, *more)
    everything = torch.ones(T, T, dtype=torch.bool)
    torch.testing.assert_close(out, attention(q, k, v, everything), rtol=1e-12, atol=1e-14)
    expected = attention_scores(q, k).logsumexp(-1).transpose(1, 2)
    torch.testing.assert_close(log_sum, expected, rtol=1e-12, atol=1e-14)


def test_positions_by_hand():
    def of_all(split):
        return [positions_of(r, 2, 8, split).tolist() for r in range(2)]

    assert of_all("contiguous") == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert of_all("zigzag") == [[0, 1, 6, 7], [2, 3, 4, 5]]
    by_rank = torch.cat([positions_of(r, 3, 18, "zigzag") for r in range(3)])
    assert in_order(by_rank, 3, "zigzag", 0).tolist() == list(range(18))


@pytest.mark.parametrize("split", ["contiguous", "zigzag"])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_blocks_of_all_ranks_are_the_causal_half_each_once(n, split):
    blocks = [b for r in range(n) for step in range(n) for b in blocks_at(r, step, n, split)]
    n_pieces = n * len(pieces(0, n, split))
    assert sorted(blocks) == [(q, k) for q in range(n_pieces) for k in range(q + 1)]
    work = sum(work_at(r, step, n, split) for r in range(n) for step in range(n))
    assert work == pytest.approx(0.5)  # the lower triangle, with half of the diagonal


def test_zigzag_gives_all_ranks_the_same_work_in_every_step():
    n = 4
    table = [[work_at(r, step, n, "zigzag") for step in range(n)] for r in range(n)]
    assert table == [[1 / (2 * n * n)] * n] * n
    table = [[work_at(r, step, n, "contiguous") * n * n for step in range(n)] for r in range(n)]
    assert table == [[0.5, 0, 0, 0], [0.5, 1, 0, 0], [0.5, 1, 1, 0], [0.5, 1, 1, 1]]
    # All wait for the slowest in each step: nearly twice as long
    slowest = [sum(max(column) for column in zip(*t)) for t in (table, [[0.5] * n] * n)]
    assert slowest == [0.5 + 3, 2]


def test_windows_caps_and_masks_on_the_way_over_heads():
    """They go to the attention function, which sees the whole sequence."""
    q, k, v, _ = drawn()
    near = causal_mask(T).triu(-3)
    expected = attention(q, k, v, near, softcap=2.0)

    def over_heads(comm):
        mine = [take_positions(comm, x, "zigzag") for x in (q, k, v)]
        out = heads_attention(comm, *mine, split="zigzag", mask=near, softcap=2.0)
        return join_positions(comm, out, "zigzag")

    for found in simulate(over_heads, 4):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c, q, k, v: ring_attention(c, q, k, v, split="zag"), "Choose from contiguous, zig"),
        (lambda c, q, k, v: ring_attention(c, q, k, v, split="zigzag"), "Pad it to 20 positions"),
        (lambda c, q, k, v: take_positions(c, q, "contiguous"), "5 positions / 2 leaves 1 over"),
        (lambda c, q, k, v: heads_attention(c, q, k[:, :, :1], v[:, :, :1]), r"from \[1\]"),
        (lambda c, q, k, v: ring_attention(c, q[:, :, :3], k, v), "share 4 key/value heads"),
    ],
)
def test_what_does_not_go_is_explained(call, words):
    q, k, v = (x[:, :5] for x in drawn()[:3])
    with pytest.raises(RankError, match=words):
        simulate(call, 2, q, k, v)
