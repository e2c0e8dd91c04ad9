"""The small model that later lectures work on: half of what it read was tales, half documentation.

    python -m lib.training.lecture_model

makes it from nothing, or goes on where an earlier call was stopped. The text comes from
lib.corpora, so no download is needed; the documentation is that of this machine's packages. The
result lies in lib/assets/lecture_model: weights in bfloat16, vocabulary, log, and a card with the
config and what was measured.
"""

import hashlib
import json
import math
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from itertools import chain
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from lib.corpora.cache import atomic_file, cache_folder
from lib.corpora.docs import docs
from lib.corpora.documents import END_OF_TEXT, Corpus
from lib.corpora.tales import Tales
from lib.model.config import ModelConfig, n_params
from lib.model.transformer import Transformer
from lib.tokenization import own_json
from lib.tokenization.bpe import BPE
from lib.tokenization.fast_bpe import train_bpe
from lib.tokenization.token_files import encode_file
from lib.training.checkpoint import load_latest
from lib.training.config import Config, DataConfig, OptimizerConfig, RunConfig, ScheduleConfig
from lib.training.log import read_log
from lib.training.loop import drain
from lib.training.losses import cross_entropy
from lib.training.run import CHECKPOINTS, LOG, Run, resume, start
from lib.training.settings import from_dict

ASSET = Path(__file__).resolve().parents[1] / "assets" / "lecture_model"
MODEL, VOCABULARY, CARD = "model.safetensors", "tokenizer.json", "card.json"

VOCAB_SIZE = 2048
BYTES_EACH = 5_000_000  # of training text from each of the two corpora
STEPS = 800
TRAIN_TALES, VALID_TALES = 0, 1  # seeds


def load_lecture_model() -> tuple[Transformer, BPE]:
    """The model that ships with the lectures, in float32, and its tokenizer."""
    card = json.loads((ASSET / CARD).read_text(encoding="utf-8"))
    config = from_dict(ModelConfig, card["model"], "model.")
    model = Transformer(config)
    model.load_state_dict({k: v.float() for k, v in load_file(ASSET / MODEL).items()})
    return model.eval(), own_json.load(ASSET / VOCABULARY)


def config(folder: Path) -> Config:
    """Everything that decides the run."""
    return Config(
        ModelConfig(VOCAB_SIZE, 256, 6, 160, 5, ff_width=432, tied=True, attention="sdpa"),
        DataConfig(
            str(folder / "train.ids"), str(folder / "valid.ids"), str(folder / VOCABULARY), batch=8
        ),
        RunConfig(str(folder / "run"), STEPS, eval_every=50, save_every=50, keep=2),
        OptimizerConfig("muon", lr=0.02, adamw_lr=0.004),
        ScheduleConfig("wsd", warmup=20, decay=STEPS // 4, floor=0.0),
    )


def prepare(folder: Path) -> BPE:
    """The vocabulary and the files of ids, unless an earlier call has made them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, tales, documentation in (
        ("train", Tales(TRAIN_TALES, 4_000), docs("train", max_bytes=BYTES_EACH)),
        ("valid", Tales(VALID_TALES, 100), docs("valid", max_bytes=130_000)),
    ):
        if not (folder / f"{name}.txt").exists():
            with atomic_file(folder / f"{name}.txt") as file:
                for text in alternating(tales, documentation):
                    file.write(text.replace(END_OF_TEXT, "<| endoftext |>") + END_OF_TEXT)
    if not (folder / VOCABULARY).exists():
        own_json.save(
            train_bpe(folder / "train.txt", VOCAB_SIZE, special=[END_OF_TEXT], progress=True),
            folder / VOCABULARY,
        )
    bpe = own_json.load(folder / VOCABULARY)
    for name in ("train", "valid"):
        text, ids = folder / f"{name}.txt", folder / f"{name}.ids"
        encode_file(bpe, text, ids, document_separator=END_OF_TEXT)
    return bpe


def alternating(*corpora: Corpus) -> Iterator[str]:
    """The texts of all corpora, each time from the one that has given the smallest share so far."""
    total = [corpus.size().bytes for corpus in corpora]
    given = [0] * len(corpora)
    texts = [corpus.texts() for corpus in corpora]
    while texts:
        i = min(range(len(texts)), key=lambda i: given[i] / total[i])
        text = next(texts[i], None)
        if text is None:
            yield from chain(*(rest for k, rest in enumerate(texts) if k != i))
            return
        given[i] += len(text.encode())
        yield text


@torch.no_grad()
def bits_per_byte(model: Transformer, bpe: BPE, corpus: Corpus) -> float:
    """What the model needs for a corpus, each text by itself and from its beginning."""
    bits, n_bytes, context = 0.0, 0, model.config.context
    for text in corpus.texts():
        ids = torch.tensor([bpe.special[END_OF_TEXT], *bpe.encode(text)])
        n_bytes += len(text.encode())
        for begin in range(0, len(ids) - 1, context):
            piece = ids[begin : begin + context + 1]
            loss = cross_entropy(model(piece[None, :-1]), piece[None, 1:])
            bits += loss.item() * (len(piece) - 1) / math.log(2)
    return bits / n_bytes


def measured(model: Transformer, bpe: BPE) -> dict[str, float]:
    """Bits per byte on text that was not trained on, beside what a perfect model would need."""
    tales = Tales(VALID_TALES, 100)
    return {
        "tales_bits_per_byte": bits_per_byte(model, bpe, tales),
        "tales_bits_per_byte_of_a_perfect_model": tales.optimal_bits_per_byte(tales),
        "tales_entropy_bits_per_byte": tales.entropy_rate().bits_per_byte,
        "docs_bits_per_byte": bits_per_byte(model, bpe, docs("valid", max_bytes=130_000)),
    }


def export(run: Run, bpe: BPE) -> None:
    """Copy what ships into lib/assets, and write the card."""
    ASSET.mkdir(parents=True, exist_ok=True)
    weights = load_latest(run.folder / CHECKPOINTS).weights
    save_file({name: weight.bfloat16() for name, weight in weights.items()}, ASSET / MODEL)
    own_json.save(bpe, ASSET / VOCABULARY)
    shutil.copyfile(run.folder / LOG, ASSET / LOG)
    last = read_log(run.folder / LOG)[-1]
    card = {
        "made by": "python -m lib.training.lecture_model",
        "date": date.today().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__.partition("+")[0],
        "parameters": n_params(run.config.model),
        "tokens": last["tokens"],
        "seconds": last["seconds"],
        "sha256 of the weights": hashlib.sha256((ASSET / MODEL).read_bytes()).hexdigest(),
        "model": asdict(run.config.model),
    }
    (ASSET / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    card |= {"measured": measured(*load_lecture_model())}
    (ASSET / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Make the model, or go on making it."""
    folder = cache_folder() / "lecture_model"
    bpe = prepare(folder)
    settings = config(folder)
    has_run = (folder / "run" / CHECKPOINTS).exists()
    run = resume(folder / "run") if has_run else start(settings)
    drain(run.steps(), run.config.run.steps)
    export(run, bpe)


if __name__ == "__main__":
    main()
