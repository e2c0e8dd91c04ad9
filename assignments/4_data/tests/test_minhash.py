"""Near-duplicates: every part by hand, then the whole on documents whose similarity is known."""

from collections import Counter
from pathlib import Path

from adapters import duplicates
from lib.grading.feedback import holds, same
from lib.grading.problems import problem

WORDS = [f"w{i}" for i in range(400)]
SETTINGS = {"n_hashes": 100, "n_bands": 50, "n": 2, "threshold": 0.8}


@problem("minhash_deduplication")
def test_normalising():
    for given, expected in {
        " Déjà-vu,\n\nTWICE! ": "deja vu twice",
        "e\u0301te\u0301": "ete",
        "Don't_stop": "don t stop",
        "ÄÖÜ ñ 42%": "aou n 42",
        "": "",
        " ?! ": "",
    }.items():
        same(duplicates.normalise(given), expected, given=repr(given))


@problem("minhash_deduplication")
def test_runs_of_words():
    abc = {("a", "b"), ("b", "c")}
    for text, n, expected in [
        ("A b, c.", 2, abc),
        ("a b c", 3, {("a", "b", "c")}),
        ("A", 2, {("a",)}),
        ("a a a", 2, {("a", "a")}),
        (" ... ", 2, set()),
    ]:
        same(duplicates.word_ngrams(text, n), expected, given=f"{text!r}, n = {n}")


@problem("minhash_deduplication")
def test_jaccard_similarity():
    a, b, c = ({(x,) for x in letters} for letters in ("abcd", "cdef", ""))
    same(duplicates.jaccard(a, b), 1 / 3, given="{a, b, c, d} and {c, d, e, f}", within=1e-12)
    same(float(duplicates.jaccard(a, a)), 1.0, given="a set and itself")
    same(float(duplicates.jaccard(c, c)), 0.0, given="two empty sets")


@problem("minhash_deduplication")
def test_signatures_estimate_the_similarity():
    """Standard deviation of the estimate: at most sqrt(1 / 4 / 500), 0.022; five of them."""
    for first, second, true in [(0, 200, 0.2), (0, 100, 0.5), (0, 20, 0.875), (0, 300, 0.0)]:
        one = {(word,) for word in WORDS[first : first + 300]}
        other = {(word,) for word in (WORDS + [f"v{i}" for i in range(300)])[second : second + 300]}
        true = len(one & other) / len(one | other)
        x, y = (list(duplicates.signature(grams, 500)) for grams in (one, other))
        same(len(x), 500, given="a signature of 500 numbers: its length")
        share = sum(a == b for a, b in zip(x, y)) / 500
        rule = "The share of equal numbers estimates the Jaccard similarity."
        given = f"similarity {true:.3f}, 500 hashes"
        holds(abs(share - true) < 0.112, rule, given=given, yours=share)


@problem("minhash_deduplication")
def test_functions_of_a_signature_differ():
    one = list(duplicates.signature({("a",)}, 50))
    rule = "Fifty functions give fifty values, of which hardly any are equal."
    holds(len(set(one)) >= 48, rule, given="a set of one gram", yours=len(set(one)))
    same(list(duplicates.signature({("a",)}, 50)), one, given="the same set again")
    other = list(duplicates.signature({("a",)}, 50, seed=1))
    holds(other != one, "Another seed gives other functions.", given="seeds 0 and 1")
    same(len(duplicates.signature(set(), 50)), 50, given="the empty set: length of its signature")


@problem("minhash_deduplication")
def test_candidates_share_a_band():
    given = [[1, 2, 3, 4], [1, 2, 9, 9], [9, 9, 1, 2], [5, 2, 3, 9], [8, 8, 3, 4]]
    for n_bands, expected in [
        (1, set()),
        (2, {(0, 1), (0, 4)}),
        (4, {(0, 1), (0, 3), (0, 4), (1, 3), (3, 4)}),
    ]:
        found = {tuple(pair) for pair in duplicates.candidate_pairs(given, n_bands)}
        same(found, expected, given=f"{given} in {n_bands} bands")


@problem("minhash_deduplication")
def test_bands_must_fit():
    try:
        duplicates.candidate_pairs([[1, 2, 3]], 2)
    except ValueError:
        return
    holds(False, "Three numbers in two bands raise ValueError.")


@problem("minhash_deduplication")
def test_chains_are_clusters():
    for n, pairs, expected in [
        (5, [(3, 4), (0, 3)], [[0, 3, 4]]),
        (6, [(0, 1), (2, 3), (1, 2), (4, 5)], [[0, 1, 2, 3], [4, 5]]),
        (3, [], []),
    ]:
        found = [list(one) for one in duplicates.clusters(n, pairs)]
        same(found, expected, given=f"{n} things, pairs {pairs}")


def kept(place: Path, texts: list[str], **settings: float) -> list[int]:
    """Numbers of the documents that stay; and they stay as they were."""
    (place / "in").mkdir(parents=True, exist_ok=True)
    paths = [place / "in" / f"{i}.txt" for i in range(len(texts))]
    for path, text in zip(paths, texts):
        path.write_text(text, encoding="utf-8", newline="")
    out = place / f"out-{len(list(place.iterdir()))}"
    duplicates.minhash_deduplication(paths, out, **{**SETTINGS, **settings})
    found = sorted(int(path.stem) for path in out.glob("*.txt"))
    for i in found:
        same((out / f"{i}.txt").read_bytes(), paths[i].read_bytes(), given=f"{i}.txt in and out")
    return found


TEXT = " ".join(WORDS[:100])


@problem("minhash_deduplication")
def test_one_of_two_copies_stays(tmp_path):
    found = kept(tmp_path, [TEXT, " ".join(WORDS[200:300]), TEXT])
    rule = "One of documents 0 and 2, which are equal, and document 1."
    holds(1 in found and len(found) == 2, rule, yours=found)


@problem("minhash_deduplication")
def test_case_accents_and_punctuation_make_no_difference(tmp_path):
    other = TEXT.replace(" ", ",  ").replace("w", "W\u0301").upper() + "!\r\n"
    found = kept(tmp_path, [TEXT, other])
    rule = "Two texts that differ in case, accents, blanks and punctuation are duplicates."
    holds(len(found) == 1, rule, yours=found)


@problem("minhash_deduplication")
def test_candidates_are_compared_exactly(tmp_path):
    """A similarity of a third: with bands of one number they are candidates, but no duplicates."""
    other = " ".join(WORDS[50:150])
    found = kept(tmp_path, [TEXT, other], n_bands=100)
    same(found, [0, 1], given="similarity 1/3, threshold 0.8, 100 bands of one number")


@problem("minhash_deduplication")
def test_the_threshold_itself_is_enough(tmp_path):
    """Nine words have eight pairs, ten have nine: similarity 8 / 9."""
    texts = [" ".join(WORDS[:9]), " ".join(WORDS[:10])]
    found = kept(tmp_path, texts, n_bands=100, threshold=8 / 9)
    holds(len(found) == 1, "At the threshold itself they are duplicates.", yours=found)
    same(kept(tmp_path, texts, n_bands=100, threshold=0.9), [0, 1], given="8 / 9, threshold 0.9")


@problem("minhash_deduplication")
def test_clusters_are_transitive(tmp_path):
    """Neighbours share 90 of 108 pairs, 0.83; the outer ones 81 of 117, 0.69."""
    texts = [" ".join(WORDS[start : start + 100]) for start in (0, 9, 18)]
    found = kept(tmp_path, texts, n_bands=100)
    rule = "0 is like 1, 1 like 2: all three are one cluster, of which one stays."
    holds(len(found) == 1, rule, yours=found)


@problem("minhash_deduplication")
def test_which_one_stays_is_drawn(tmp_path):
    """Each of three stays in a third of 60 draws: 20, with a standard deviation of 3.7."""
    counts = Counter(kept(tmp_path, [TEXT] * 3, seed=seed)[0] for seed in range(60))
    rule = "Each document of a cluster has the same chance to stay: of 60 seeds, about 20."
    holds(all(6 <= counts[i] <= 34 for i in range(3)), rule, yours=dict(counts))
    again = [kept(tmp_path, [TEXT] * 3, seed=5) for _ in range(2)]
    same(again[1], again[0], given="seed 5, twice")


@problem("minhash_deduplication")
def test_documents_without_words_stay(tmp_path):
    same(kept(tmp_path, ["", "...", ""]), [0, 1, 2], given="three documents without words")
