"""Near-duplicates against datasketch and rensa, memory as texts grow, and fastText's classifier.

python run.py bench curation            20,000 texts; memory with 10,000 and 100,000
python run.py bench curation --full     memory with 100,000 and 1,000,000

Texts are synthetic, of 250 to 350 words; one in five is another with some words replaced. Peers get
128 hashes in 32 bands of 4, and sets of 5 words cut in Python; they trust their estimates, and so
need many hashes. Ours takes the bands that its recall asks for, and compares sets exactly: what it
finds is right. Behind the table stand documents per second, and what of the truth each side finds.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from curation_texts import SIMILARITY, Truth, texts, two_kinds
from runner import MB, Benchmark

from lib.curation.near_duplicates import NearDuplicates
from lib.curation.union_find import clusters_of

N_HASHES, BANDS, ROWS = 128, 32, 4
CLASSIFIED = 2_400
SETTINGS = {"width": 64, "bins": 220_000, "epochs": 5, "rate": 0.5}

Pairs = list[tuple[int, int]]


def ours_pairs(found: list[str]) -> Pairs:
    with NearDuplicates(SIMILARITY) as finder:
        finder.add(found)
        return [(one, other) for one, other, _ in finder.pairs()]


def runs(text: str) -> set[str]:
    """What peers are given."""
    words = text.split()
    return {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}


def datasketch_pairs(found: list[str]) -> Pairs:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=N_HASHES, params=(BANDS, ROWS))
    sketches, pairs = [], []
    for number, text in enumerate(found):
        sketch = MinHash(N_HASHES, hashfunc=crc32)  # its own choice, SHA-1, is slower
        sketch.update_batch([run.encode() for run in runs(text)])
        near = [old for old in index.query(sketch) if sketches[old].jaccard(sketch) >= SIMILARITY]
        pairs += [(old, number) for old in near]
        index.insert(number, sketch)
        sketches.append(sketch)
    return pairs


def rensa_pairs(found: list[str]) -> Pairs:
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(SIMILARITY, N_HASHES, BANDS)
    sketches, pairs = [], []
    for number, text in enumerate(found):
        sketch = RMinHash(N_HASHES, 42)
        sketch.update(list(runs(text)))
        near = [old for old in index.query(sketch) if sketches[old].jaccard(sketch) >= SIMILARITY]
        pairs += [(old, number) for old in near]
        index.insert(number, sketch)
        sketches.append(sketch)
    return pairs


FINDERS: dict[str, Callable[[list[str]], Pairs]] = {
    "ours": ours_pairs,
    "datasketch": datasketch_pairs,
    "rensa": rensa_pairs,
}


def duplicates(n_texts: int, by: str) -> Callable[[], int]:
    """All pairs among n texts. The answer is only how many were looked at: see `quality`."""
    found = [text for text, _ in texts(n_texts)]
    FINDERS[by](found[:300])  # what is loaded when it is first used: not what is measured

    def work() -> int:
        FINDERS[by](found)
        return len(found)

    return work


def streamed(n_texts: int) -> Callable[[], bool]:
    """Ours with texts that are made one by one, and whose making is measured with it."""
    ours_pairs([text for text, _ in texts(300)])

    def work() -> bool:
        with NearDuplicates(SIMILARITY) as finder:
            finder.add(text for text, _ in texts(n_texts))
            return len(finder) == n_texts and len(finder.clusters()) > 0

    return work


def ours_trained() -> Callable[[], int]:
    from lib.curation.linear_classifier import LinearClassifier

    found, labels = two_kinds(CLASSIFIED, seed=1)
    LinearClassifier(bins=64).fit(found[:2] * 2, ["a", "b"] * 2)

    def work() -> int:
        LinearClassifier(**SETTINGS).fit(found, labels)
        return len(found)

    return work


def fasttext_trained() -> Callable[[], int]:
    """It reads a file, as always; without torch beside it, which its builds do not always bear."""
    found, labels = two_kinds(CLASSIFIED, seed=1)
    path = fasttext_file(found, labels)

    def work() -> int:
        fasttext_model(path)
        return len(found)

    return work


def fasttext_file(found: list[str], labels: list[str]) -> str:
    path = Path(tempfile.mkdtemp()) / "train.txt"
    path.write_text("".join(f"__label__{b} {a}\n" for a, b in zip(found, labels)))
    return str(path)


def fasttext_model(path: str) -> object:
    import fasttext

    settings = {"dim": 64, "bucket": 200_000, "epoch": 5, "lr": 0.5, "wordNgrams": 2}
    return fasttext.train_supervised(path, thread=1, verbose=0, **settings)


def quality(n: int) -> str:
    """What every finder finds of the truth."""
    truth, found = Truth(n), [text for text, _ in texts(n)]
    lines = [f"{len(truth.pairs):,} pairs of {n:,} texts have a similarity of {SIMILARITY} or more"]
    for name, finder in FINDERS.items():
        pairs = finder(found)
        recall = truth.recall(clusters_of(n, pairs))
        lines.append(
            f"{name}: {recall:.4f} of them in one cluster, precision of the pairs found "
            f"{truth.precision(pairs):.4f}"
        )
    return "\n".join(lines)


def accuracies() -> str:
    """Of both classifiers, on other texts."""
    train, test = two_kinds(CLASSIFIED, seed=1), two_kinds(1000, seed=2)
    model = fasttext_model(fasttext_file(*train))  # before torch is loaded
    theirs = [model.f.predict(text, 1, 0.0, "strict")[0][1] for text in test[0]]

    from lib.curation.linear_classifier import LinearClassifier

    ours = LinearClassifier(**SETTINGS).fit(*train).predict(test[0])
    right = [
        statistics.mean(label.removeprefix("__label__") == true for label, true in zip(f, test[1]))
        for f in (ours, theirs)
    ]
    return f"accuracy on 1,000 other texts: ours {right[0]:.3f}, fastText {right[1]:.3f}"


def speeds(benchmark: Benchmark) -> str:
    """Documents per second and core of every side, and its highest memory."""
    lines = []
    for row in benchmark.rows:
        for (name, n), samples in zip(SIDES[row.work.rpartition(" (")[0]], zip(*row.pairs)):
            speed = statistics.median(n / sample.cpu for sample in samples)
            memory = max(sample.memory for sample in samples) / MB
            lines.append(
                f"{row.work}: {name}, {n:,} documents: {speed:,.0f} documents per second and core, "
                f"{memory:,.0f} MB"
            )
    return "\n".join(lines)


SIDES: dict[str, list[tuple[str, int]]] = {}


def main() -> int:
    benchmark = Benchmark("Data curation", [duplicates, streamed, ours_trained, fasttext_trained])
    n, few = 20_000, 100_000 if benchmark.options.full else 10_000
    for peer, target in (("datasketch", 1 / 8), ("rensa", 1 / 2.5)):
        work = f"near-duplicates, against {peer}"
        SIDES[work] = [("ours", n), (peer, n)]
        sides = [("duplicates", {"n_texts": n, "by": by}) for by in ("ours", peer)]
        benchmark.compare(work, *sides, target=target, pairs=3)
    work = "near-duplicates, ten times the texts"
    SIDES[work] = [("ours", 10 * few), ("ours", few)]
    sides = [("streamed", {"n_texts": k}) for k in (10 * few, few)]
    benchmark.compare(work, *sides, target=12, pairs=1)
    work = "training a classifier, against fastText"
    SIDES[work] = [("ours", CLASSIFIED), ("fastText", CLASSIFIED)]
    benchmark.compare(work, ("ours_trained", {}), ("fasttext_trained", {}), target=1 / 0.8, pairs=3)
    status = benchmark.report()
    print(f"\n{speeds(benchmark)}")
    if "near-duplicates".startswith(benchmark.options.only):
        print(f"\n{quality(n)}")
    if "training a classifier".startswith(benchmark.options.only):
        print(f"\n{accuracies()}")
    return status


if __name__ == "__main__":
    sys.exit(main())
