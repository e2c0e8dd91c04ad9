"""A text classifier as fastText has it: the mean of hashed embeddings, then one linear layer.

    model = LinearClassifier(seed=0).fit(texts, labels)
    model.predict_proba(["Is this good?"])       # a row for each text, a column for each label

Bag of Tricks (Joulin et al. 2016, arXiv 1607.01759): H (bins + L) parameters, whatever number of
different words there are. Trained with plain stochastic gradient descent and a rate that falls to
zero; the gradients are two products, so they are written down here. The mean over a text's features
is linear, and so is the layer: with two labels all of it is a weight for each feature.

Letters: d texts (B of them in a batch), n features, H width, L labels, V bins.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lib.curation.hashed_features import Features, check, hashed_features

PathLike = str | os.PathLike[str]


@dataclass
class LinearClassifier:
    """What it looks at, and how it learns. `rate` is per text, at the begin."""

    width: int = 16
    n_words: int = 2
    bins: int = 1 << 18
    epochs: int = 5
    rate: float | int = 0.5
    batch: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        check(self.n_words, self.bins)
        self.labels: list[str] = []
        self.embeddings = torch.empty(0, self.width)  # (V, H)
        self.output = torch.empty(self.width, 0)  # (H, L)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "LinearClassifier":
        """Learn from texts and the label of each; what was learned before is forgotten."""
        self.labels = sorted(set(labels))
        if len(texts) != len(labels) or len(self.labels) < 2:
            raise ValueError(
                f"{len(texts)} texts with {len(labels)} labels of {len(self.labels)} kinds: each "
                "text needs one, and there must be two kinds or more to tell apart."
            )
        draw = np.random.default_rng(self.seed)
        start = draw.random((self.bins, self.width), dtype=np.float32)
        self.embeddings = torch.from_numpy(start).sub_(0.5).mul_(2 / self.width)
        self.output = torch.zeros(self.width, len(self.labels))
        found = self._features(texts)
        truth = F.one_hot(torch.tensor([self.labels.index(label) for label in labels])).float()
        for order, rate in self._plan(draw, len(texts)):
            ids, lengths = _bag(found, order)
            _step(self.embeddings, self.output, ids, lengths, truth[order], rate)
        return self

    def predict_proba(self, texts: Sequence[str]) -> Float[np.ndarray, "d L"]:
        """Probabilities of the labels, in the order of `labels`; rows sum to one."""
        if not self.labels:
            raise RuntimeError("This classifier has learned nothing yet: call fit, or load one.")
        found = self._features(texts)
        starts = torch.from_numpy(found.ends - found.lengths)
        hidden = F.embedding_bag(torch.from_numpy(found.ids), self.embeddings, starts, mode="mean")
        return (hidden @ self.output).softmax(dim=1).numpy()

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The likeliest label of each text."""
        return [self.labels[i] for i in self.predict_proba(texts).argmax(axis=1)]

    def save(self, path: PathLike) -> None:
        """One safetensors file with everything in it."""
        tensors = {"embeddings": self.embeddings, "output": self.output}
        about = {"settings": json.dumps(asdict(self)), "labels": json.dumps(self.labels)}
        save_file(tensors, path, about)

    @classmethod
    def load(cls, path: PathLike) -> "LinearClassifier":
        """What `save` wrote."""
        with safe_open(path, "pt") as file:
            about = file.metadata()
            model = cls(**json.loads(about["settings"]))
            model.labels = json.loads(about["labels"])
            model.embeddings = file.get_tensor("embeddings")
            model.output = file.get_tensor("output")
        return model

    def _features(self, texts: Sequence[str]) -> Features:
        return hashed_features(texts, self.n_words, self.bins, self.seed)

    def _plan(
        self, draw: np.random.Generator, n_texts: int
    ) -> Iterator[tuple[Int64[np.ndarray, " B"], float]]:
        """The texts of every step, in a new order each epoch, and the step's rate."""
        total = self.epochs * n_texts
        for epoch in range(self.epochs):
            order = draw.permutation(n_texts)
            for begin in range(0, n_texts, self.batch):
                done = epoch * n_texts + begin
                yield order[begin : begin + self.batch], self.rate * (1 - done / total)


def _bag(found: Features, order: Int64[np.ndarray, " B"]) -> tuple[Tensor, Tensor]:
    """The features of these texts, one after the other, and how many each has."""
    bags = [found.of(i) for i in order.tolist()]
    return torch.from_numpy(np.concatenate(bags)), torch.tensor([len(bag) for bag in bags])


def _step(
    embeddings: Float[Tensor, "V H"],
    output: Float[Tensor, "H L"],
    ids: Int64[Tensor, " n"],
    lengths: Int64[Tensor, " B"],
    truth: Float[Tensor, "B L"],
    rate: float,
) -> None:
    """One step down the sum of the texts' cross-entropies, in place.

    The sum, not the mean: a batch moves as far as its texts would one after the other, and fewer
    steps of more arithmetic are what makes it fast.
    """
    hidden = F.embedding_bag(ids, embeddings, lengths.cumsum(0) - lengths, mode="mean")
    slope = (hidden @ output).softmax(dim=1) - truth  # of the loss, by the logits
    by_hidden = slope @ output.T / lengths.clamp(min=1)[:, None]
    output.addmm_(hidden.T, slope, alpha=-rate)
    text_of = torch.arange(len(lengths)).repeat_interleave(lengths)
    has = torch.sparse_coo_tensor(  # ones where a text has a feature: all of these move alike
        torch.stack([ids, text_of]),
        hidden.new_ones(len(ids)),
        (len(embeddings), len(lengths)),
        check_invariants=False,
    )
    torch.addmm(embeddings, has, by_hidden, alpha=-rate, out=embeddings)
