"""What entries of a leaderboard are measured on: tracks, budgets, and one run from seed to score.

An entry is a folder with entry.toml and entry.py. The latter defines

    def train(corpus: Path, budget: FlopMeter, seed: int) -> Model

`corpus` is a UTF-8 file of training text, each document followed by <|endoftext|>. `budget` counts
every operation from the moment `train` is called: `budget.limit`, `budget.spent`, `budget.left`;
above the limit it raises BudgetSpent. Training has no limit of time. The same seed must train the
same model. What comes back is a Model as lib.grading.evaluation describes it: `context`, `end`,
`encode`, `decode` and `logits`, which takes ids on the CPU and must not depend on later ones.

entry.py may import what is installed here, `lib` too, and files that lie beside it. It may read no
text but `corpus`, and do no arithmetic worth counting outside of torch (numpy, other programs and
kernels of one's own are not counted, and therefore not allowed). Whoever reviews an entry looks.
"""

import hashlib
import importlib.util
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from lib.corpora.docs import docs
from lib.corpora.documents import Corpus
from lib.corpora.tales import Tales
from lib.grading.boards import cell
from lib.grading.evaluation import Model, Unfit, bits_per_byte
from lib.grading.flop_meter import FlopMeter

BUDGETS = {"mini": 1e9, "cpu": 1e13, "gpu": 1e16}  # operations, in training
TRAINING_BYTES = {"mini": 200_000, "cpu": 20_000_000, "gpu": 20_000_000}
HELD_OUT_BYTES = {"mini": 5_000, "cpu": 200_000, "gpu": 200_000}
TALES = 20_000  # stories
KEYS = {"author": str, "track": str, "budget": str, "seed": int, "description": str}
TOLERANCE = 0.01  # relative: other processors and numbers of threads round differently
AGREEMENT = f"both numbers within {TOLERANCE:.0%} of the claim"
HEAD = "| | entry | author | bits per byte | {above}FLOPs | seed | corpus | description |"
PREFACE = """\
# Leaderboard

Fewer bits per byte of held-out text are better. A budget is a number of operations in training,
never a time. Written by `python run.py leaderboard {number} table` from `entries/`; do not edit.
"""


@dataclass(frozen=True)
class Score:
    """What a run gave; `corpus` identifies the text, which for docs depends on versions."""

    bits_per_byte: float
    flops: float
    corpus: str


def tales_texts(part: str, max_bytes: int) -> Corpus:
    """Stories of the grammar in lib.corpora.tales."""
    return Tales(n_documents=TALES).split(part).take(max_bytes)


TRACKS: dict[str, Callable[[str, int], Corpus]] = {"tales": tales_texts, "docs": docs}


def held_out(track: str, budget: str) -> Corpus:
    """The documents that models are judged by."""
    return TRACKS[track]("valid", HELD_OUT_BYTES[budget])


def optimum(track: str, budget: str) -> float | None:
    """Bits per byte that no model can beat on the held-out text; None where nobody knows."""
    documents = held_out(track, budget)
    return Tales().optimal_bits_per_byte(documents) if track == "tales" else None


def choices() -> dict[str, Any]:
    """What an entry may choose from."""
    return {"track": TRACKS, "budget": BUDGETS}


def score(entry: Any) -> Score:
    """Train the entry and judge the model; Unfit or BudgetSpent where it fails."""
    track, budget, seed = (entry.about[key] for key in ("track", "budget", "seed"))
    texts = list(held_out(track, budget).texts())
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(place) / "train.txt"
        TRACKS[track]("train", TRAINING_BYTES[budget]).write_text(corpus)
        fingerprint = hashlib.sha256(corpus.read_bytes() + "\0".join(texts).encode()).hexdigest()
        model, flops = trained(entry.folder, corpus, BUDGETS[budget], seed)
    with FlopMeter(limit=BUDGETS[budget]):  # or one could train while being judged
        return Score(bits_per_byte(model, texts), flops, fingerprint[:12])


def trained(folder: Path, corpus: Path, limit: float, seed: int) -> tuple[Model, float]:
    """The entry's model, and the operations that it took."""
    random.seed(seed)
    torch.manual_seed(seed)
    train = loaded(folder).train
    with FlopMeter(limit) as meter:
        model = train(corpus, meter, seed)
    if meter.spent > limit:
        raise Unfit(f"It went on after {meter.spent:.4g} operations; the budget is {limit:.4g}.")
    return model, float(meter.spent)


def loaded(folder: Path) -> ModuleType:
    """The module entry.py, which may import what lies beside it."""
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location("entry", folder / "entry.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Comparing, and the page


def disagreements(claimed: Score, found: Score) -> list[str]:
    """What keeps a claim from being reproduced, one sentence each."""
    if claimed.corpus != found.corpus:
        return [
            f"The claim is about the text {claimed.corpus}, and here it is {found.corpus}: docs "
            "follow the installed versions. The numbers cannot be compared."
        ]
    problems = []
    for what in ("bits_per_byte", "flops"):
        ours, theirs = getattr(found, what), getattr(claimed, what)
        if abs(ours - theirs) > TOLERANCE * abs(theirs):
            by = f"{(ours - theirs) / theirs:+.1%}" if theirs else "infinitely"
            problems.append(f"{what} is {ours:.5g} here, which differs from the claim by {by}.")
    return problems


def said(score: Score) -> str:
    """In a line."""
    return f"{score.bits_per_byte:.4f} bits per byte, {score.flops:.3e} FLOPs, text {score.corpus}"


def order(entry: Any) -> tuple:
    """The best first within each track and budget."""
    bits = entry.claim.bits_per_byte if entry.claim else float("inf")
    track, budget = list(TRACKS).index(entry.about["track"]), entry.about["budget"]
    return track, list(BUDGETS).index(budget), bits, entry.name


def page(entries: list[Any], number: str) -> str:
    """A table for each track and budget, a line for each entry that has been run."""
    parts = [PREFACE.format(number=number)]
    for track in TRACKS:
        for budget in BUDGETS:
            here = [e for e in entries if (e.about["track"], e.about["budget"]) == (track, budget)]
            if rows := [entry for entry in here if entry.claim]:
                parts.append(_section(track, budget, rows))
    return "\n".join(parts)


def _section(track: str, budget: str, entries: list[Any]) -> str:
    best = optimum(track, budget)
    known = "" if best is None else f" No model needs fewer than {best:.4f} bits per byte here."
    head = HEAD.format(above="" if best is None else "above the optimum | ")
    columns = head.count("|") - 1
    lines = [f"## {track}, {budget}", "", f"Budget: {BUDGETS[budget]:.0e} FLOPs.{known}", ""]
    lines += [head, "|" + "---|" * columns]
    for place, entry in enumerate(entries, start=1):
        score, about = entry.claim, entry.about
        above = [] if best is None else [f"{score.bits_per_byte - best:.4f}"]
        cells = [str(place), f"[{entry.name}](entries/{entry.name}/)", cell(about["author"])]
        cells += [f"{score.bits_per_byte:.4f}", *above, f"{score.flops:.2e}", str(about["seed"])]
        cells += [score.corpus, cell(about["description"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
