"""The baseline: the model of experiments/tales.toml, for as many steps as the budget allows.

Byte-pair encoding of 1024 tokens, four layers of width 96, AdamW, and a cosine. Nothing is clever
here; every change that you can think of is worth a try.
"""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from lib.corpora.documents import END_OF_TEXT
from lib.grading.flop_meter import FlopMeter
from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.tokenization.bpe import BPE
from lib.tokenization.fast_bpe import train_bpe
from lib.tokenization.fast_encode import FastEncoder
from lib.tokenization.token_files import encode_file
from lib.training.adaptive import AdamW
from lib.training.clipping import clip_gradients
from lib.training.losses import cross_entropy
from lib.training.schedules import cosine

VOCAB_SIZE, CONTEXT, BATCH = 1024, 64, 32
RATE, WARMUP, FLOOR = 0.01, 0.1, 0.1  # the warm-up as a share of the steps

Note = Callable[[int, float, int], None]  # step, loss, operations spent


class Trained:
    """What the leaderboard asks for."""

    context = CONTEXT

    def __init__(self, model: Transformer, bpe: BPE) -> None:
        self.model, self.bpe, self.encoder = model.eval(), bpe, FastEncoder(bpe)
        self.end = bpe.special[END_OF_TEXT]

    def encode(self, text: str) -> list[int]:
        return [int(id) for id in self.encoder.encode(text)]

    def decode(self, ids: list[int]) -> str:
        return self.bpe.decode(ids)

    def logits(self, ids: torch.Tensor) -> torch.Tensor:
        return self.model(ids)


def train(corpus: Path, budget: FlopMeter, seed: int, note: Note = lambda *_: None) -> Trained:
    """Train to the last step that fits into the budget; `note` hears of every step."""
    bpe = train_bpe(corpus, VOCAB_SIZE, special=[END_OF_TEXT])
    tokens = encoded(bpe, corpus)
    config = ModelConfig(VOCAB_SIZE, CONTEXT, n_layers=4, width=96, n_heads=3, ff_width=256)
    model = Transformer(config, torch.Generator().manual_seed(seed))
    optimizer = AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.1)
    generator = torch.Generator().manual_seed(seed)

    def step(rate: float) -> float:
        optimizer.param_groups[0]["lr"] = rate
        starts = torch.randint(len(tokens) - CONTEXT, (BATCH, 1), generator=generator)
        pieces = tokens[starts + torch.arange(CONTEXT + 1)]
        optimizer.zero_grad()
        loss = cross_entropy(model(pieces[:, :-1]), pieces[:, 1:])
        loss.backward()
        clip_gradients(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    before = budget.spent
    step(0.0)  # moves nothing, and shows what a step costs
    steps = math.floor(budget.left / (budget.spent - before) * 0.999)
    for t in range(1, steps + 1):
        loss = step(RATE * cosine(t, steps, round(WARMUP * steps), FLOOR))
        note(t, loss, budget.spent)
    return Trained(model, bpe)


def encoded(bpe: BPE, corpus: Path) -> torch.Tensor:
    """All ids of the text, in memory."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "train.ids"
        ids = encode_file(bpe, corpus, path, document_separator=END_OF_TEXT, progress=False)
        return torch.from_numpy(ids.astype("int64"))
