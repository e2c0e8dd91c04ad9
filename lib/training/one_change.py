"""A small model, and others that differ from it in one choice or in shape: Lecture 3's experiment.

    python -m lib.training.one_change

trains them twenty times longer than the lecture does (an hour on one core), and writes the losses
on unseen text to lib/assets/measured/one_change.csv. A call that was stopped goes on where it was.
The text is the documentation of this machine's packages.
"""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lib.corpora.docs import docs
from lib.model.config import ModelConfig
from lib.training.comparison import Recipe, train
from lib.training.small_text import SmallText, small_text

RESULTS = Path(__file__).resolve().parents[1] / "assets" / "measured" / "one_change.csv"
COLUMNS = ("variant", "seed", "steps", "rate", "loss")
LONG = Recipe(n_steps=2000)
SLOWER = replace(LONG, lr=4e-3)  # is the order another one at another learning rate?
SEEDS = (0, 1, 2)


def text_of_docs() -> SmallText:
    """A million bytes of documentation, in 512 tokens."""
    return small_text(docs("train", max_bytes=1_000_000), docs("valid", max_bytes=100_000), 512)


def original(vocab_size: int = 512) -> ModelConfig:
    """The block of today, at a size for one core."""
    return ModelConfig(
        *(vocab_size, 64, 3, 64, 4), ff_width=192, positions="rope_half", attention="sdpa"
    )


def variants(base: ModelConfig) -> dict[str, ModelConfig]:
    """The original and one change each; without a gate, so much wider that parameters stay."""
    ungated = base.ff_width * 3 // 2
    return {
        "original": base,
        "ReLU": replace(base, ffn="relu", ff_width=ungated),
        "GELU": replace(base, ffn="gelu", ff_width=ungated),
        "LayerNorm": replace(base, norm="layer"),
        "parallel": replace(base, parallel=True),
        "sinusoids": replace(base, positions="sinusoidal"),
        "no positions": replace(base, positions="none"),
        "one key head": replace(base, n_kv_heads=1),
    }


def shapes(base: ModelConfig) -> dict[str, ModelConfig]:
    """Named "layers × width". Their blocks have the parameters of the original up to two per cent,
    in heads 16 wide."""
    sizes = {"1 × 112": (1, 112, 320), "2 × 80": (2, 80, 224), "6 × 48": (6, 48, 120)}
    sizes["12 × 32"] = (12, 32, 96)
    return {name: _shaped(base, *size) for name, size in sizes.items()}


def _shaped(base: ModelConfig, n_layers: int, width: int, ff_width: int) -> ModelConfig:
    N = width // 16
    heads = {"n_heads": N, "n_kv_heads": N, "head_width": 16}
    return replace(base, n_layers=n_layers, width=width, ff_width=ff_width, **heads)


def recorded(path: Path = RESULTS, recipe: Recipe = LONG) -> dict[str, list[float]]:
    """The losses of the long runs at one learning rate, one for each seed."""
    found: dict[str, list[float]] = {}
    for row in _rows(path):
        if float(row["rate"]) == recipe.lr:
            found.setdefault(row["variant"], []).append(float(row["loss"]))
    return found


Run = tuple[str, ModelConfig, int, Recipe]


def wanted(recipe: Recipe, slower: Recipe) -> Iterator[Run]:
    """All variants with every seed; with the first also the shapes, and two at another rate."""
    base = original()
    for seed in SEEDS:
        for name, config in variants(base).items():
            yield name, config, seed, recipe
        if seed == SEEDS[0]:
            for name, config in shapes(base).items():
                yield name, config, seed, recipe
            for name in ("original", "GELU"):
                yield name, variants(base)[name], seed, slower


def missing(path: Path, recipe: Recipe = LONG, slower: Recipe = SLOWER) -> list[Run]:
    """The runs that the file does not have."""
    known = {(row["variant"], int(row["seed"]), float(row["rate"])) for row in _rows(path)}
    return [run for run in wanted(recipe, slower) if (run[0], run[2], run[3].lr) not in known]


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main(path: Path = RESULTS, recipe: Recipe = LONG, slower: Recipe = SLOWER) -> None:
    """Train what is missing, and write each result down as soon as it is there."""
    text = text_of_docs()
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, config, seed, chosen in missing(path, recipe, slower):
        run = train(config, text, chosen, seed)
        is_new = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(COLUMNS)
            writer.writerow((name, seed, chosen.n_steps, chosen.lr, f"{run.valid:.4f}"))


if __name__ == "__main__":
    main()
