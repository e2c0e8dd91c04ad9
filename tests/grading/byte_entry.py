"""An honest little entry: bytes, and how often one follows another; tests spoil copies of it."""

import torch

END = 256


class Bigrams:
    context, end = 16, END

    def __init__(self, weights):
        self.weights = weights

    def encode(self, text):
        return list(text.encode())

    def decode(self, ids):
        return bytes(ids).decode()

    def logits(self, ids):
        return self.weights[ids]


def train(corpus, budget, seed):
    generator = torch.Generator().manual_seed(seed)
    counts = 1 + torch.rand(END + 1, END + 1, generator=generator)
    for document in corpus.read_text(encoding="utf-8").split("<|endoftext|>")[:20]:
        ids = torch.tensor([END, *document.encode(), END])
        counts.index_put_((ids[:-1], ids[1:]), torch.ones(len(ids) - 1), accumulate=True)
        if budget.left < 10 * counts.numel():
            break
    return Bigrams(counts.log())
