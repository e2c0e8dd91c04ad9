"""Comparisons: a run against the same written out, equal batches for all, what is recorded."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lib.corpora.documents import END_OF_TEXT
from lib.corpora.tales import Tales
from lib.model.attention import attention_weights
from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.tensors.flops import model_flops
from lib.tokenization.bpe import BPE
from lib.training.adaptive import AdamW
from lib.training.batches import Batch, Batches
from lib.training.clipping import clip_gradients
from lib.training.comparison import (
    Recipe,
    compare,
    comparison_flops,
    largest_score,
    loss_and_log_z,
    one_thread,
    train,
)
from lib.training.groups import decay_groups
from lib.training.small_text import SmallText, small_text

NUMBERS = np.random.default_rng(0).integers(0, 11, 400).astype(np.uint16)
BYTES = BPE({byte: bytes([byte]) for byte in range(256)}, [])
TEXT = SmallText(NUMBERS, NUMBERS[:300], BYTES, 1.0)
CONFIG = ModelConfig(11, 5, n_layers=2, width=16, n_heads=2, ff_width=24, dtype="float64")
RECIPE = Recipe(n_steps=4, batch=3, lr=0.02, warmup=2, clip=0.5)


def test_two_processes_give_the_same_numbers_in_the_same_places():
    configs = {"a": CONFIG, "b": replace(CONFIG, n_layers=1)}
    alone = compare(configs, TEXT, RECIPE, (0, 1))
    together = compare(configs, TEXT, RECIPE, (0, 1), processes=2)
    assert list(together) == ["a", "b"]
    for name in configs:
        for ours, theirs in zip(together[name], alone[name], strict=True):
            assert (ours.config, ours.seed) == (configs[name], theirs.seed)
            assert (ours.losses, ours.valid) == (theirs.losses, theirs.valid)
            for weight, same in zip(ours.model.parameters(), theirs.model.parameters()):
                assert torch.equal(weight, same)


def test_a_run_is_the_loop_written_out():
    recipe = replace(RECIPE, z_loss=0.1)
    history = train(CONFIG, TEXT, recipe, seed=3)
    model = Transformer(CONFIG, torch.Generator().manual_seed(3))
    optimizer = AdamW(decay_groups(model, 0.1), lr=0.02, betas=(0.9, 0.95))
    for step, batch in zip(range(4), Batches(NUMBERS, 3, 5, seed=3)):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (0.5, 1.0, 2 / 3, 1 / 3)[step]
        logits = model(batch.ids)
        loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
        log_z = logits.logsumexp(-1)
        optimizer.zero_grad()
        (loss + 0.1 * log_z.square().mean()).backward()
        norm = clip_gradients(model.parameters(), 0.5)
        optimizer.step()
        assert history.losses[step] == pytest.approx(loss.item(), rel=1e-5)
        assert history.norms[step] == pytest.approx(norm.item(), rel=1e-5)
        assert history.log_z[step] == pytest.approx(log_z.mean().item(), rel=1e-5)
    assert history.scores == []
    for ours, theirs in zip(history.model.parameters(), model.parameters()):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_loss_on_unseen_text():
    history = train(CONFIG, TEXT, RECIPE)
    unseen = torch.from_numpy(TEXT.valid[: 299 // 5 * 5 + 1].astype(np.int64))
    ids, targets = unseen[:-1].view(-1, 5), unseen[1:].view(-1, 5)
    repeated = 128 % len(ids)  # 128 sequences, from the start again where the text is shorter
    rows = [*range(len(ids))] * (128 // len(ids)) + [*range(repeated)]
    expected = F.cross_entropy(history.model(ids[rows]).flatten(0, 1), targets[rows].flatten())
    assert history.valid == pytest.approx(expected.item(), rel=1e-6)


def test_one_seed_means_the_same_batches_and_weights():
    configs = {"a": CONFIG, "b": replace(CONFIG, positions="none"), "again": CONFIG}
    runs = compare(configs, TEXT, RECIPE, seeds=(0, 1))
    first = {name: [run.losses[0] for run in of_seeds] for name, of_seeds in runs.items()}
    assert runs["a"][0].losses == runs["again"][0].losses
    assert first["a"][0] != first["a"][1]
    assert first["b"] == pytest.approx(first["a"], rel=0.2)  # equal weights, other positions
    assert [run.seed for run in runs["b"]] == [0, 1]
    assert runs["b"][0].config.positions == "none"


def test_a_run_ends_where_it_diverged():
    history = train(CONFIG, TEXT, replace(RECIPE, lr=1e200, warmup=0))
    assert not math.isfinite(history.losses[-1] + history.norms[-1])
    assert len(history.losses) < 4
    assert math.isnan(history.valid)


@pytest.mark.parametrize("choices", [{}, {"qk_norm": "head"}, {"n_kv_heads": 1}, {"window": 1}])
def test_largest_score(choices):
    model = Transformer(replace(CONFIG, **choices), torch.Generator().manual_seed(0))
    ids = torch.randint(0, 11, (1, 5), generator=torch.Generator().manual_seed(3))
    seen, plain = [], attention_weights

    def spy(q, k, mask=None, **scoring):
        """Scores over all visible pairs, with heads repeated instead of grouped."""
        k_all = k.repeat_interleave(q.shape[2] // k.shape[2], dim=2)
        for t in range(5):
            for s in range(t + 1):
                if mask is None or mask[t, s]:
                    seen.append((q[:, t] * k_all[:, s]).sum(-1).abs().max().item() / math.sqrt(8))
        return plain(q, k, mask, **scoring)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.model.attention.attention_weights", spy)
        model(ids)
    batch = Batch(ids, ids)
    assert largest_score(model, batch) == pytest.approx(max(seen))
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_scores_are_watched_on_request():
    history = train(CONFIG, TEXT, RECIPE, watch_scores=True)
    assert len(history.scores) == 4
    model = Transformer(CONFIG, torch.Generator().manual_seed(0))
    first = next(Batches(NUMBERS, 3, 5, seed=0))
    assert history.scores[0] == pytest.approx(largest_score(model, first[:1]))


def test_log_z_and_loss():
    model = Transformer(CONFIG, torch.Generator().manual_seed(0))
    batch = next(Batches(NUMBERS, 3, 5, seed=0))
    loss, log_z = loss_and_log_z(model, batch)
    logits = model(batch.ids)
    torch.testing.assert_close(log_z, logits.logsumexp(-1))
    torch.testing.assert_close(loss, F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten()))


def test_flops():
    deeper = replace(CONFIG, n_layers=3)
    expected = 2 * 4 * (model_flops(CONFIG, 3, 5) + model_flops(deeper, 3, 5))
    assert comparison_flops({"a": CONFIG, "b": deeper}, RECIPE, n_seeds=2) == expected


def test_threads_come_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_small_text():
    train_tales, valid_tales = Tales(0, n_documents=20), Tales(1, n_documents=5)
    text = small_text(train_tales, valid_tales, vocab_size=300)
    joined = "".join(tale + END_OF_TEXT for tale in valid_tales.texts())
    assert text.tokenizer.decode(text.valid.tolist()) == joined
    assert text.vocab_size == 300
    assert text.bytes_per_token == len(joined.encode()) / len(text.valid)
    ends = (text.train == text.tokenizer.special[END_OF_TEXT]).sum()
    assert ends == 20
