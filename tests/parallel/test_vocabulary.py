"""The vocabulary on several ranks: equal to one table and one loss, and who says what to whom."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from lib.parallel.conjugates import copy_in
from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.region import Region
from lib.parallel.simulated import simulate
from lib.parallel.tensor import shard, unshard
from lib.parallel.vocabulary import (
    VocabularyEmbedding,
    vocabulary_cross_entropy,
    vocabulary_range,
    vocabulary_token_losses,
)
from lib.training.losses import cross_entropy

B, T, D, V = 3, 5, 4, 23
RUNS = [(simulate, 4), (launch, 2)]


class Largest(TorchDispatchMode):
    """The most values that any result of an operation has had."""

    n = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.n = max(self.n, out.numel())
        return out


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def ids():
    return torch.randint(V, (B, T), generator=torch.Generator().manual_seed(2))


def counted():
    return torch.rand(B, T, generator=torch.Generator().manual_seed(3)) < 0.6


def on_ranks(comm):
    """From a table that is cut, and back to it: it is embedding and output matrix."""
    table = VocabularyEmbedding(V, D, torch.float64, Region(comm))
    table.weight.data = shard(drawn(V, D), 0, comm)
    with Largest() as largest:
        x = table(ids())
        comm.traffic.clear()
        logits = copy_in(comm, 30 * x) @ table.weight.T
        loss = vocabulary_cross_entropy(comm, logits, ids().roll(1), V, counted(), z_loss=0.01)
        forward = comm.traffic.sent
        (d_logits,) = torch.autograd.grad(loss, logits, retain_graph=True)
        assert comm.traffic.sent == forward  # the way back to the logits needs no other rank
        loss.backward()
    whole = unshard(table.weight.grad, 0, comm, V)
    return loss.detach(), x.detach(), whole, d_logits.shape[-1], forward, largest.n


@pytest.mark.parametrize(("run", "n_ranks"), RUNS)
def test_a_cut_table_and_the_loss_are_those_of_one_rank(run, n_ranks):
    weight = drawn(V, D).requires_grad_()
    x = F.embedding(ids(), weight)
    loss = cross_entropy(30 * x @ weight.T, ids().roll(1), counted(), z_loss=0.01)
    loss.backward()
    widths = []
    for found, vectors, gradient, width, sent, largest in run(on_ranks, n_ranks):
        torch.testing.assert_close(found, loss.detach(), rtol=1e-13, atol=0)
        assert torch.equal(vectors, x.detach())  # each vector plus zeros
        torch.testing.assert_close(gradient, weight.grad, rtol=1e-10, atol=1e-12)
        assert sent == 3 * 2 * (B * T * 8 * (n_ranks - 1) // n_ranks)  # three numbers a position
        assert largest <= math.ceil(V / n_ranks) * max(B * T, D) < V * B * T
        widths.append(width)
    assert sum(widths) == V


def test_the_loss_against_pytorch_with_the_target_on_another_rank():
    logits = drawn(B, T, V, seed=5)

    def losses(comm):
        return vocabulary_token_losses(comm, shard(logits, -1, comm), ids(), V)

    expected = F.cross_entropy(logits.flatten(0, 1), ids().flatten(), reduction="none")
    for found in simulate(losses, 5):
        torch.testing.assert_close(found.flatten(), expected, rtol=1e-13, atol=0)


def test_logits_of_any_size_and_bfloat16():
    """exp(1000) is infinite: the largest of all ranks is taken out, wherever it is."""

    def loss(comm):
        logits = torch.tensor([[0.0, 1000.0, 3.0, 2000.0]], dtype=torch.bfloat16)
        mine = shard(logits, -1, comm)
        return vocabulary_cross_entropy(comm, mine, torch.tensor([1]), 4)

    for found in simulate(loss, 2):
        assert found.dtype == torch.float32 and found.item() == 1000


def test_ranges_cover_the_vocabulary_and_differ_by_one_token_at_most():
    for n, V in ((3, 7), (4, 8), (5, 3), (1, 4)):
        ranges = simulate(lambda comm, V: vocabulary_range(V, comm), n, V)
        assert [token for part in ranges for token in part] == list(range(V))
        assert max(map(len, ranges)) - min(map(len, ranges)) <= 1
        parts = simulate(lambda comm, V: shard(torch.arange(V), 0, comm).tolist(), n, V)
        assert parts == [list(part) for part in ranges]  # weights are cut in the same way


@pytest.mark.parametrize("wrong", [-100, V])
def test_ids_outside_are_found(wrong):
    def embed(comm):
        VocabularyEmbedding(V, D, torch.float32, Region(comm))(torch.tensor([wrong]))

    with pytest.raises(RankError, match=f"ids 0 to 22, and were asked for {wrong} to {wrong}"):
        simulate(embed, 2)
