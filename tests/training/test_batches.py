"""Batches by hand on tokens 0, 1, 2 ..., where a token's value is its place."""

from itertools import islice

import numpy as np
import pytest
import torch

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.batches import Batches


def tokens(n):
    return np.arange(n, dtype=np.uint16)


def rows_of(batches, n):
    return torch.cat([batch.ids for batch in islice(batches, n)])


def test_in_order_by_hand():
    batches = Batches(tokens(12), batch=2, context=3)
    assert len(batches) == 3  # the last token only follows
    first, second = islice(batches, 2)
    assert first.ids.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert first.targets.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert second.ids.tolist() == [[6, 7, 8], [0, 1, 2]]  # the next epoch
    assert (first.counted, first.positions, first.mask) == (None, None, None)
    assert first.n_counted == 6


@pytest.mark.parametrize("n", [4, 5, 6, 7, 50, 51, 52])
def test_an_epoch_has_every_sequence_once(n):
    batches = Batches(tokens(n), batch=1, context=3, seed=5)
    for _ in range(4):
        rows = list(islice(batches, len(batches)))
        starts = sorted(int(row.ids[0, 0]) for row in rows)
        assert np.diff(starts).tolist() == [3] * (len(batches) - 1)
        assert all(torch.equal(row.targets, row.ids + 1) for row in rows)
        assert max(int(row.targets.max()) for row in rows) < n


def test_epochs_differ_in_order_and_borders():
    batches = Batches(tokens(100), batch=1, context=4, seed=0)
    epochs = [rows_of(batches, len(batches))[:, 0] for _ in range(5)]
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 5
    assert len({int(epoch.min()) for epoch in epochs}) > 1
    assert all(epoch.tolist() != sorted(epoch.tolist()) for epoch in epochs)


def test_the_seed_decides():
    first, same, other = (rows_of(Batches(tokens(99), 4, 5, seed), 9) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("documents", ["ignore", "mask", "pack"])
def test_resuming_goes_on_with_the_next_batch(documents):
    def make():
        return Batches(tokens(60), 4, 5, seed=3, documents=documents, starts=[0, 7, 11, 30])

    whole = rows_of(make(), 12)
    interrupted = make()
    before = rows_of(interrupted, 5)
    resumed = make()
    resumed.restore(interrupted.state())
    assert torch.equal(torch.cat([before, rows_of(resumed, 7)]), whole)


def test_ranks_share_what_one_would_read():
    alone = rows_of(Batches(tokens(99), 6, 5, seed=1), 7).view(7, 6, 5)
    ranks = [Batches(tokens(99), 6, 5, seed=1, rank=r, n_ranks=3) for r in range(3)]
    for r, batches in enumerate(ranks):
        assert torch.equal(rows_of(batches, 7).view(7, 2, 5), alone[:, r::3])


def test_masked_documents_by_hand():
    """Tokens 0 1 2 | 3 4 | 5 6 7 8 in sequences of four."""
    batch = next(Batches(tokens(9), 2, 4, documents="mask", starts=[0, 3, 5]))
    assert batch.ids.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert batch.targets.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert batch.counted.tolist() == [[True, True, False, True], [False, True, True, True]]
    assert batch.positions.tolist() == [[0, 1, 2, 0], [0, 0, 1, 2]]
    assert batch.mask[0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]]
    assert batch.n_counted == 6


def test_packed_documents_by_hand():
    """Documents 0-2, 3-4 and 5-11 hold 2, 1 and 6 predictions; the long one is cut at four."""
    batches = Batches(tokens(12), 3, 4, documents="pack", starts=[0, 3, 5])
    assert len(batches) == 3
    batch = next(batches)
    assert batch.ids.tolist() == [[0, 1, 9, 10], [3, 0, 0, 0], [5, 6, 7, 8]]
    assert batch.targets.tolist() == [[1, 2, 10, 11], [4, 0, 0, 0], [6, 7, 8, 9]]
    assert batch.counted.int().tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 1]]
    assert batch.positions.tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], [0, 1, 2, 3]]
    assert batch.mask[0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]
    assert batch.mask.any(dim=-1).all()  # attention needs a key for every query


@pytest.mark.parametrize("documents", ["mask", "pack"])
def test_a_document_in_company_gets_the_logits_it_gets_alone(documents):
    config = ModelConfig(vocab_size=40, context=8, n_layers=2, width=16, n_heads=2)
    model = Transformer(config, torch.Generator().manual_seed(0))
    batch = next(Batches(tokens(33), 4, 8, seed=0, documents=documents, starts=[0, 3, 9, 13, 20]))
    logits = model(batch.ids, batch.positions, batch.mask)
    begins = (batch.positions == 0) & batch.counted
    row, place = begins.nonzero()[1].tolist()
    length = 1
    while place + length < 8 and batch.positions[row, place + length] == length:
        length += 1
    alone = model(batch.ids[row : row + 1, place : place + length])
    torch.testing.assert_close(logits[row, place : place + length], alone[0], rtol=1e-4, atol=1e-5)


def test_microbatches_are_the_batch():
    batch = next(Batches(tokens(60), 6, 5, seed=0, documents="mask", starts=[0, 8, 30]))
    parts = batch.parts(3)
    assert [part.ids.shape for part in parts] == [(2, 5)] * 3
    assert sum(part.n_counted for part in parts) == batch.n_counted
    assert torch.equal(parts[1].mask, batch.mask[1::3])
    assert torch.equal(batch.to("cpu").ids, batch.ids)


def test_too_little_text_is_explained():
    assert Batches(tokens(4), 1, 3, seed=0).__next__().ids.tolist() == [[0, 1, 2]]
    with pytest.raises(ValueError, match="need 4 tokens, and there are 3"):
        Batches(tokens(3), 1, 3)
    with pytest.raises(ValueError, match="4 sequences cannot be shared equally by 3 ranks"):
        Batches(tokens(30), 4, 3, n_ranks=3)
    with pytest.raises(ValueError, match="No document has two tokens"):
        Batches(tokens(4), 1, 3, documents="pack", starts=[0, 1, 2, 3])
