"""The linear classifier against PyTorch's gradients, and against fastText itself."""

import contextlib
import math
import statistics

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lib.curation.linear_classifier import LinearClassifier, _step

N_KINDS = 2000


@pytest.fixture(scope="module")
def data():
    """Training and test texts of 60 words, drawn from two distributions that are not far apart."""
    draw = np.random.default_rng(0)
    base = 1 / np.arange(1, N_KINDS + 1)
    shares = {"dull": base, "good": base * np.exp(0.6 * draw.standard_normal(N_KINDS))}
    names = np.array([f"w{i}" for i in range(N_KINDS)])
    labels = draw.choice(["dull", "good"], 2000).tolist()
    texts = [
        " ".join(names[draw.choice(N_KINDS, 60, p=shares[label] / shares[label].sum())])
        for label in labels
    ]
    return texts[:1000], labels[:1000], texts[1000:], labels[1000:]


@pytest.fixture(scope="module")
def model(data):
    return LinearClassifier(bins=1 << 16).fit(*data[:2])


def peer_accuracy(path, new, truth):
    """fastText's, the median of five: in this build some trainings end in NaN, and few in noise.

    `peer.predict` makes its arrays in a way that some versions of numpy refuse, so go below it.
    """
    fasttext = pytest.importorskip("fasttext", reason="fastText has a wheel for Linux alone")
    settings = {"lr": 0.5, "dim": 16, "epoch": 5, "wordNgrams": 2, "bucket": 1 << 16}
    found = []
    for _ in range(5):
        with contextlib.suppress(RuntimeError):
            peer = fasttext.train_supervised(str(path), thread=1, verbose=0, **settings)
            labels = [peer.f.predict(text, 1, 0.0, "strict")[0][1] for text in new]
            found.append(accuracy([label.removeprefix("__label__") for label in labels], truth))
    return statistics.median(found)


def accuracy(found, truth):
    return sum(a == b for a, b in zip(found, truth, strict=True)) / len(truth)


def test_a_step_follows_the_gradient():
    """In float64, one text without features among them."""
    draw = torch.Generator().manual_seed(0)
    embeddings = torch.randn(7, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    output = torch.randn(3, 4, generator=draw, dtype=torch.float64, requires_grad=True)
    bags = [[0, 5, 5], [], [6], [1, 0]]
    means = [embeddings[bag].mean(0) if bag else embeddings[0] * 0 for bag in bags]
    truth = torch.tensor([3, 0, 1, 3])
    F.cross_entropy(torch.stack(means) @ output, truth, reduction="sum").backward()
    expected = [(x - 0.1 * x.grad).detach() for x in (embeddings, output)]
    found = [x.detach().clone() for x in (embeddings, output)]
    ids, lengths = (
        torch.tensor([id for bag in bags for id in bag]),
        torch.tensor([len(bag) for bag in bags]),
    )
    _step(*found, ids, lengths, F.one_hot(truth, 4).double(), 0.1)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_as_good_as_fasttext(data, model, tmp_path):
    """Same settings. Accuracy on 1000 texts, so two points are some 1.5 standard deviations."""
    texts, labels, new, truth = data
    path = tmp_path / "train.txt"
    path.write_text("".join(f"__label__{b} {a}\n" for a, b in zip(texts, labels)))
    expected = peer_accuracy(path, new, truth)
    assert 0.7 < expected < 0.99
    assert accuracy(model.predict(new), truth) > expected - 0.02


def test_probabilities_are_near_the_truth(data, model):
    """Of the texts with a probability above 0.8 about so many are good."""
    _, _, new, truth = data
    found = model.predict_proba(new)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-6)
    sure = found[:, model.labels.index("good")] > 0.8
    share = np.mean(np.array(truth)[sure] == "good")
    assert sure.sum() > 100 and share > 0.75
    assert accuracy(model.predict(new), truth) > 0.7


def test_what_is_saved_is_loaded(data, model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    again = LinearClassifier.load(tmp_path / "m.safetensors")
    assert again == model and again.labels == ["dull", "good"]
    assert np.array_equal(again.predict_proba(data[2]), model.predict_proba(data[2]))


def test_seeds_decide():
    texts, labels = ["a b c", "c d", "e f g a", "h"], ["x", "y", "z", "x"]
    found = [
        LinearClassifier(bins=64, seed=seed).fit(texts, labels).predict_proba(texts)
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(found[0], found[1]) and not np.allclose(found[0], found[2])


def test_three_labels_are_learned():
    texts = ["red red blue", "blue green", "green yellow", "yellow red"] * 10
    labels = ["a", "b", "c", "a"] * 10
    model = LinearClassifier(bins=512, epochs=50, rate=1).fit(texts, labels)
    assert model.predict(texts) == labels
    assert model.predict_proba([""])[0] == pytest.approx([1 / 3] * 3)
    assert -math.log(model.predict_proba(texts[:1])[0, 0]) < 0.1


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match="there must be two kinds"):
        LinearClassifier().fit(["a", "b"], ["x", "x"])
    with pytest.raises(ValueError, match="2 texts with 1 labels"):
        LinearClassifier().fit(["a", "b"], ["x"])
    with pytest.raises(RuntimeError, match="learned nothing yet"):
        LinearClassifier().predict_proba(["a"])
