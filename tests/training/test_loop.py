"""The loop against the same written out with PyTorch, and its options against one another."""

import math
from itertools import islice

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.adaptive import AdamW
from lib.training.batches import Batches
from lib.training.divergence import Diverged
from lib.training.loop import add_gradients, drain, evaluate, training_steps

TOKENS = np.random.default_rng(0).integers(0, 11, 400).astype(np.uint16)


def make_model(**choices):
    config = ModelConfig(11, 6, n_layers=2, width=16, n_heads=2, ff_width=32, **choices)
    return Transformer(config, torch.Generator().manual_seed(0))


def make_batches(documents="ignore", batch=6):
    return Batches(TOKENS, batch, 6, seed=0, documents=documents, starts=range(0, 400, 9))


def gradients(model):
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def test_matches_pytorch_written_out():
    model, twin, batches = make_model(dtype="float64"), make_model(dtype="float64"), make_batches()
    optimizer = AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    theirs = torch.optim.AdamW(twin.parameters(), lr=0.01, weight_decay=0.1)
    steps = training_steps(model, optimizer, batches, 4, schedule=lambda n: n / 4, clip=0.5)
    for step, batch in zip(steps, make_batches()):
        theirs.param_groups[0]["lr"] = 0.01 * step.step / 4
        theirs.zero_grad()
        loss = F.cross_entropy(twin(batch.ids).flatten(0, 1), batch.targets.flatten())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        theirs.step()
        assert step.loss == pytest.approx(loss.item())
        assert step.norm == pytest.approx(norm.item())
        assert step.lr == pytest.approx(0.01 * step.step / 4)
        assert step.tokens == 36
    for ours, other in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(ours, other, rtol=1e-6, atol=1e-9)  # 1e-6: clip's epsilon
    assert step.step == 4


@pytest.mark.parametrize("documents", ["ignore", "mask", "pack"])
def test_microbatches_give_the_gradient_of_the_batch(documents):
    batch = next(make_batches(documents))
    whole, parts = make_model(dtype="float64"), make_model(dtype="float64")
    loss, n_targets = add_gradients(whole, batch)
    assert n_targets == batch.n_counted
    assert add_gradients(parts, batch, 3) == (pytest.approx(loss), n_targets)
    torch.testing.assert_close(gradients(parts), gradients(whole))


VARIANTS = [
    {},
    {"positions": "alibi", "window": 3, "window_pattern": "WF", "norm_placement": "sandwich"},
    {"parallel": True, "rope_fraction": 0.5, "attention_gate": True, "output_softcap": 2.0},
]


@pytest.mark.parametrize("choices", VARIANTS)
def test_recomputing_changes_no_bit(choices):
    batch = next(make_batches("mask"))
    plain, recomputed = make_model(**choices), make_model(**choices)
    assert add_gradients(plain, batch) == add_gradients(recomputed, batch, recompute=True)
    assert torch.equal(gradients(plain), gradients(recomputed))


@pytest.mark.parametrize("choices", [{}, {"output_softcap": 0.8, "tied": True}])
def test_the_z_loss_and_the_cap_are_in_the_gradient(choices):
    """Of all microbatches, with a mask; evaluation leaves the z-loss out."""
    batch = next(make_batches("mask"))
    model, twin = (make_model(dtype="float64", **choices) for _ in range(2))
    loss, _ = add_gradients(model, batch, 3, z_loss=0.3)
    logits = twin(batch.ids, batch.positions, batch.mask)[batch.counted]
    plain = F.cross_entropy(logits, batch.targets[batch.counted])
    expected = plain + 0.3 * logits.logsumexp(-1).square().mean()
    expected.backward()
    assert loss == pytest.approx(expected.item())
    torch.testing.assert_close(gradients(model), gradients(twin))
    assert add_gradients(twin, batch)[0] == pytest.approx(plain.item())


def test_training_with_a_z_loss_drives_log_z_to_zero():
    """Without, it is 2.6 after these steps: nothing but the z-loss cares about it."""
    model, ids = make_model(), next(make_batches()).ids
    before = model(ids).logsumexp(-1).abs().mean()
    optimizer = AdamW(model.parameters(), lr=0.02)
    drain(training_steps(model, optimizer, make_batches(), 15, z_loss=1.0), 15, progress=False)
    assert model(ids).logsumexp(-1).abs().mean() < 0.2 < 2 < before


def test_mixed_precision_is_close_and_keeps_weights_in_float32():
    models = [make_model(), make_model(compute_dtype="bfloat16")]
    losses = []
    for model in models:
        optimizer = AdamW(model.parameters(), lr=0.01)
        losses.append([step.loss for step in training_steps(model, optimizer, make_batches(), 8)])
    assert {p.dtype for p in models[1].parameters()} == {torch.float32}
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], abs=0.02)
    assert losses[0][-1] < losses[0][0]


def test_evaluation_is_the_mean_over_targets_and_leaves_no_trace():
    model = make_model(dtype="float64")
    batches = Batches(TOKENS, 4, 6, documents="mask", starts=range(0, 400, 9))
    found = evaluate(model, batches, 3)
    total, n = 0.0, 0
    for batch in islice(Batches(TOKENS, 4, 6, documents="mask", starts=range(0, 400, 9)), 3):
        logits = model(batch.ids, batch.positions, batch.mask)[batch.counted]
        total += F.cross_entropy(logits, batch.targets[batch.counted], reduction="sum").item()
        n += len(logits)
    assert found == pytest.approx(total / n)
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_a_diverging_run_stops_before_it_spoils_the_weights():
    model = make_model()
    optimizer = AdamW(model.parameters(), lr=0.01)
    steps = training_steps(model, optimizer, make_batches(), 9)
    next(steps)
    before = [p.detach().clone() for p in model.parameters()]
    with torch.no_grad():
        model.norm.weight[0] = math.nan
    with pytest.raises(Diverged, match="Step 2: loss nan"):
        next(steps)
    after = list(model.parameters())
    same = [torch.equal(a, b) for a, b in zip(before, after)]
    assert same.count(False) == 1  # the one we spoiled


def test_draining_calls_back_and_returns_the_last():
    model, seen = make_model(), []
    optimizer = AdamW(model.parameters(), lr=0.01)
    steps = training_steps(model, optimizer, make_batches(), 5, start=2)
    last = drain(steps, 5, [seen.append], progress=False)
    assert [step.step for step in seen] == [3, 4, 5]
    assert seen[-1] is last
    assert drain(iter(()), 0, progress=False) is None
