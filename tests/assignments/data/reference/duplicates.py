"""Duplicates for the tests of assignment 4, on what `lib` has."""

import hashlib
import random
import shutil
from collections import Counter

from lib.curation import lsh, minhash, shingles, union_find


def split(data):
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def key(line):
    return hashlib.blake2b(line.removesuffix(b"\n"), digest_size=16).digest()


def exact_line_deduplication(paths, out):
    counts = Counter(key(line) for path in paths for line in split(path.read_bytes()))
    out.mkdir(parents=True, exist_ok=True)
    for path in paths:
        kept = [line for line in split(path.read_bytes()) if counts[key(line)] == 1]
        (out / path.name).write_bytes(b"".join(kept))


normalise, jaccard = shingles.normalised, shingles.jaccard


def word_ngrams(text, n):
    words = shingles.words(text)
    n = min(n, len(words))
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)} if words else set()


def signature(grams, n_hashes, seed=0):
    numbers = {shingles.run_hash(shingles.word_hash(w.encode()) for w in gram) for gram in grams}
    return minhash.signature(numbers, minhash.Hashes(n_hashes, seed))


def candidate_pairs(signatures, n_bands):
    rows, rest = divmod(len(signatures[0]), n_bands)
    if rest:
        raise ValueError(f"{len(signatures[0])} numbers make no {n_bands} equal bands.")
    index = lsh.LSHIndex(lsh.Bands(n_bands, rows))
    for number, one in enumerate(signatures):
        index.add(number, one)
    return index.candidates()


clusters = union_find.clusters_of


def linked(texts, n_hashes, n_bands, n, threshold):
    """Clusters of texts."""
    grams = [word_ngrams(text, n) for text in texts]
    pairs = candidate_pairs([signature(one, n_hashes) for one in grams], n_bands)
    near = [(i, j) for i, j in pairs if jaccard(grams[i], grams[j]) >= threshold]
    return clusters(len(texts), near)


def minhash_deduplication(paths, out, *, n_hashes, n_bands, n, threshold, seed=0):
    texts = [path.read_text(encoding="utf-8") for path in paths]
    draw, dropped = random.Random(seed), set()
    for cluster in linked(texts, n_hashes, n_bands, n, threshold):
        dropped |= set(cluster) - {draw.choice(cluster)}
    out.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(paths):
        if number not in dropped:
            shutil.copyfile(path, out / path.name)
