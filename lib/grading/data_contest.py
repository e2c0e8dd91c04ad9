"""A contest of filters: the model and its training are fixed, and only the data changes.

entry.py defines

    def select(records: list[Record], examples: Examples) -> Iterable[str]

`records` are raw pages and `examples` labelled texts, see lib.grading.raw_crawl. What comes back
are texts to train on, in this order. Their bytes, with an end behind each text, are the stream;
one that is shorter than the training begins again and again. The model is small, its weights, its
batches and its number of steps are the same for all: so every entry costs the same operations,
which are counted. The score is bits per byte of good texts from pages that are in no crawl.

entry.py may import what is installed here, `lib` too, and files that lie beside it. What it returns
must come from the records: it may read neither their answer key nor any other text, nor make text
up. A word that is in no record, nor a mask, is refused; whoever reviews an entry looks at the rest.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import unescape
from typing import Any

import torch
from resiliparse.parse.encoding import detect_encoding
from torch import Tensor

from lib.grading.boards import cell
from lib.grading.contest import loaded
from lib.grading.evaluation import Unfit, bits_per_byte
from lib.grading.flop_meter import FlopMeter
from lib.grading.raw_crawl import Record, checksum, crawl, examples, good_texts
from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.losses import cross_entropy

END = 256
SEED = 40  # of the crawl, and the model; held-out texts have others
KEYS = {"author": str, "budget": str, "description": str}
TOLERANCE = 0.01  # relative: other processors round differently
AGREEMENT = f"bits per byte and operations within {TOLERANCE:.0%} of the claim"
WORD = re.compile(r"\w+")
FOREIGN_WORDS = 0.01  # of the words that are in no record: encodings can be read in several ways
PREFACE = """\
# Leaderboard

Whose filter makes the better training data? Model, training and number of tokens are the same for
all; fewer bits per byte of good text that nobody has seen are better. The rules:
[lib/grading/data_contest.py](../../../lib/grading/data_contest.py). Written by
`python run.py leaderboard {number} table` from `entries/`; do not edit.
"""
HEAD = "| | entry | author | bits per byte | bytes of data | epochs | FLOPs | crawl | description |"


@dataclass(frozen=True)
class Budget:
    """How large the crawl is, what is trained, and for how long."""

    scale: float | int
    model: ModelConfig
    batch: int
    steps: int
    rate: float = 3e-3


BUDGETS = {
    "mini": Budget(0.2, ModelConfig(257, 32, 1, 32, 2), 4, 10),  # to try things out
    "cpu": Budget(2, ModelConfig(257, 128, 2, 128, 4), 16, 400),
}


@dataclass(frozen=True)
class Score:
    """What a run gave; `corpus` identifies the crawl."""

    bits_per_byte: float
    data_bytes: int
    epochs: float
    flops: float
    corpus: str


class Bytes:
    """The fixed model, as lib.grading.evaluation asks for it."""

    end = END

    def __init__(self, budget: Budget) -> None:
        self.context = budget.model.context
        self.net = Transformer(budget.model, torch.Generator().manual_seed(SEED))

    def encode(self, text: str) -> list[int]:
        """Its bytes."""
        return list(text.encode())

    def decode(self, ids: list[int]) -> str:
        """The text of bytes."""
        return bytes(ids).decode()

    def logits(self, ids: Tensor) -> Tensor:
        """Of the next byte."""
        return self.net(ids)


def choices() -> dict[str, Any]:
    """What an entry may choose from."""
    return {"budget": BUDGETS}


def score(entry: Any) -> Score:
    """Filter, train, judge; Unfit where the data may not be used."""
    budget = BUDGETS[entry.about["budget"]]
    records = crawl(SEED, budget.scale)
    texts = list(loaded(entry.folder).select(list(records), examples(SEED)))
    check_origin(texts, records)
    stream = stream_of(texts)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in the same order everywhere
    try:
        with FlopMeter(float("inf")) as meter:
            model = trained(stream, budget)
        bits = bits_per_byte(model, held_out(budget))
    finally:
        torch.set_num_threads(threads)
    n_seen = budget.steps * budget.batch * budget.model.context
    epochs = n_seen / len(stream)
    return Score(bits, len(stream), epochs, float(meter.spent), checksum(records)[:12])


def held_out(budget: Budget) -> list[str]:
    """Good texts from pages with another seed."""
    return good_texts(SEED + 1, budget.scale / 4)


def check_origin(texts: list[Any], records: list[Record]) -> None:
    """Unfit unless they are texts, and nearly all of their words are in some record."""
    if not texts or not all(isinstance(text, str) for text in texts):
        raise Unfit("select returns texts to train on, at least one.")
    known, total, strange = words_of(tuple(records)), 0, 0
    for text in texts:
        found = WORD.findall(text)
        total += len(found)
        strange += sum(word not in known for word in found)
    if not total or strange > FOREIGN_WORDS * total:
        raise Unfit(f"{strange} of {total} words are in no record: text may not be made up.")


@cache
def words_of(records: tuple[Record, ...]) -> frozenset[str]:
    """All words of the pages, read as UTF-8 and as the bytes look like; and those of masks."""
    words = {"EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS"}
    for record in records:
        for encoding in ("utf-8", detect_encoding(record.body) or "cp1252"):
            words.update(WORD.findall(unescape(record.body.decode(encoding, "replace"))))
    return frozenset(words)


def stream_of(texts: Iterable[str]) -> Tensor:
    """Bytes, with END behind each text."""
    ids = [i for text in texts for i in (*text.encode("utf-8", "replace"), END)]
    return torch.tensor(ids)


def trained(stream: Tensor, budget: Budget) -> Bytes:
    """The fixed model after its steps of AdamW; each row of a batch goes on where it ended."""
    model = Bytes(budget)
    optimizer = torch.optim.AdamW(model.net.parameters(), lr=budget.rate, weight_decay=0.1)
    width = model.context + 1
    starts = torch.arange(budget.batch) * (len(stream) // budget.batch)
    for step in range(budget.steps):
        for group in optimizer.param_groups:
            group["lr"] = budget.rate * (1 - step / budget.steps)
        places = starts[:, None] + step * model.context + torch.arange(width)
        ids = stream[places % len(stream)]
        optimizer.zero_grad()
        cross_entropy(model.net(ids[:, :-1]), ids[:, 1:]).backward()
        optimizer.step()
    return model


# Comparing, and the page


def disagreements(claimed: Score, found: Score) -> list[str]:
    """What keeps a claim from being reproduced, one sentence each."""
    if claimed.corpus != found.corpus:
        return [f"The claim is about the crawl {claimed.corpus}, and here it is {found.corpus}."]
    problems = []
    for what in ("bits_per_byte", "flops", "data_bytes"):
        ours, theirs = getattr(found, what), getattr(claimed, what)
        if abs(ours - theirs) > TOLERANCE * abs(theirs):
            problems.append(f"{what} is {ours:.5g} here, and claimed is {theirs:.5g}.")
    return problems


def said(score: Score) -> str:
    """In a line."""
    return (
        f"{score.bits_per_byte:.4f} bits per byte, {score.data_bytes:,} bytes of data "
        f"({score.epochs:.2f} epochs), {score.flops:.3e} FLOPs, crawl {score.corpus}"
    )


def order(entry: Any) -> tuple:
    """The best first within each budget."""
    bits = entry.claim.bits_per_byte if entry.claim else float("inf")
    return list(BUDGETS).index(entry.about["budget"]), bits, entry.name


def page(entries: list[Any], number: str) -> str:
    """A table for each budget, a line for each entry that has been run."""
    parts = [PREFACE.format(number=number)]
    for name, budget in BUDGETS.items():
        rows = [entry for entry in entries if entry.about["budget"] == name and entry.claim]
        if rows:
            parts.append(_section(name, budget, rows))
    return "\n".join(parts)


def _section(name: str, budget: Budget, entries: list[Any]) -> str:
    model = budget.model
    about = (
        f"{budget.steps} steps of {budget.batch} x {model.context} bytes, {model.n_layers} layers "
        f"of width {model.width}."
    )
    lines = [f"## {name}", "", about, "", HEAD, "|" + "---|" * (HEAD.count("|") - 1)]
    for place, entry in enumerate(entries, start=1):
        claim = entry.claim
        cells = [str(place), f"[{entry.name}](entries/{entry.name}/)", cell(entry.about["author"])]
        cells += [f"{claim.bits_per_byte:.4f}", f"{claim.data_bytes:,}", f"{claim.epochs:.2f}"]
        cells += [f"{claim.flops:.2e}", claim.corpus, cell(entry.about["description"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
