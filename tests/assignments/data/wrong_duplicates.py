"""Wrong answers to part 3: each with the test that must see it."""

import random
import re
import shutil
import unicodedata
from collections import Counter
from itertools import combinations

from reference import duplicates as right
from wrong_answers import wrong


def planted(name, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(f"duplicates.{name}", caught_by=f"{file}::{test}")


wrong_lines = planted("exact_line_deduplication", "test_lines.py")
wrong_normal = planted("normalise", "test_minhash.py")
wrong_grams = planted("word_ngrams", "test_minhash.py")
wrong_jaccard = planted("jaccard", "test_minhash.py")
wrong_signature = planted("signature", "test_minhash.py")
wrong_pairs = planted("candidate_pairs", "test_minhash.py")
wrong_clusters = planted("clusters", "test_minhash.py")
wrong_minhash = planted("minhash_deduplication", "test_minhash.py")


# Lines


def lines(paths, out, stays, split=right.split, key=right.key):
    """Every file's lines for which stays(count over all files, count so far in all)."""
    counts = Counter(key(line) for path in paths for line in split(path.read_bytes()))
    out.mkdir(parents=True, exist_ok=True)
    seen = Counter()
    for path in paths:
        kept = []
        for line in split(path.read_bytes()):
            seen[key(line)] += 1
            kept += [line] if stays(counts[key(line)], seen[key(line)]) else []
        (out / path.name).write_bytes(b"".join(kept))


def once(n, so_far):
    return n == 1


@wrong_lines("test_a_line_that_occurs_again_goes_everywhere")
def the_first_stays(paths, out):
    lines(paths, out, lambda n, so_far: so_far == 1)


@wrong_lines("test_counts_are_those_of_all_files")
def file_by_file(paths, out):
    for path in paths:
        lines([path], out, once)


@wrong_lines("test_counts_are_those_of_all_files")
def three_times_are_too_often(paths, out):
    for path in paths:
        lines([path], out, lambda n, so_far: n < 3)


@wrong_lines("test_the_last_line_needs_no_break")
def breaks_belong_to_lines(paths, out):
    lines(paths, out, once, key=lambda line: line)


@wrong_lines("test_lines_differ_by_case_and_blanks")
def stripped(paths, out):
    lines(paths, out, once, key=bytes.strip)


@wrong_lines("test_lines_differ_by_case_and_blanks")
def lower_case(paths, out):
    lines(paths, out, once, key=lambda line: right.key(line.lower()))


@wrong_lines("test_lines_end_at_breaks_only_and_stay_as_they_are")
def split_as_texts(paths, out):
    def split(data):
        text = data.decode("utf-8", "surrogateescape").splitlines(keepends=True)
        return [line.encode("utf-8", "surrogateescape") for line in text]

    lines(paths, out, once, split, key=lambda line: line.strip())


@wrong_lines("test_lines_end_at_breaks_only_and_stay_as_they_are")
def carriage_returns_go(paths, out):
    right.exact_line_deduplication(paths, out)
    for path in paths:
        (out / path.name).write_bytes((out / path.name).read_bytes().replace(b"\r", b""))


@wrong_lines("test_empty_lines_and_empty_files")
def empty_files_are_left_out(paths, out):
    right.exact_line_deduplication([path for path in paths if path.stat().st_size], out)


@wrong_lines("test_empty_lines_and_empty_files")
def empty_lines_stay(paths, out):
    counts = Counter(right.key(line) for path in paths for line in right.split(path.read_bytes()))
    out.mkdir(parents=True, exist_ok=True)
    for path in paths:
        found = right.split(path.read_bytes())
        kept = [line for line in found if counts[right.key(line)] == 1 or not line.strip()]
        (out / path.name).write_bytes(b"".join(kept))


# Parts


@wrong_normal("test_normalising")
def nothing_is_normalised(text):
    return text


@wrong_normal("test_normalising")
def accents_stay(text):
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


@wrong_normal("test_normalising")
def punctuation_joins_words(text):
    parts = unicodedata.normalize("NFD", text.lower())
    text = "".join(c for c in parts if c.isalnum() or c.isspace())
    return " ".join(text.split())


@wrong_normal("test_normalising")
def underscores_are_letters(text):
    parts = unicodedata.normalize("NFD", text.lower())
    text = "".join(c for c in parts if not unicodedata.combining(c))
    return re.sub(r"\W+", " ", text).strip()


@wrong_grams("test_runs_of_words")
def short_texts_have_none(text, n):
    return {gram for gram in right.word_ngrams(text, n) if len(gram) == n}


@wrong_grams("test_runs_of_words")
def the_last_run_is_lost(text, n):
    words = right.normalise(text).split()
    return {tuple(words[i : i + n]) for i in range(len(words) - n)}


@wrong_grams("test_runs_of_words")
def no_normalisation(text, n):
    words = text.split()
    return {tuple(words[i : i + n]) for i in range(max(1, len(words) - n + 1))} if words else set()


@wrong_jaccard("test_jaccard_similarity")
def over_the_smaller(one, other):
    return len(one & other) / (min(len(one), len(other)) or 1)


@wrong_jaccard("test_jaccard_similarity")
def over_both(one, other):
    return len(one & other) / ((len(one) + len(other)) or 1)


@wrong_jaccard("test_jaccard_similarity")
def empty_sets_are_equal(one, other):
    return right.jaccard(one, other) if one or other else 1.0


@wrong_signature("test_functions_of_a_signature_differ")
def one_function_for_all(grams, n_hashes, seed=0):
    return right.signature(grams, 1, seed) * n_hashes


@wrong_signature("test_functions_of_a_signature_differ")
def the_seed_does_nothing(grams, n_hashes, seed=0):
    return right.signature(grams, n_hashes)


@wrong_signature("test_signatures_estimate_the_similarity")
def the_smallest_of_one_function(grams, n_hashes, seed=0):
    """Bottom-k: the k smallest values of one function, which do not agree place by place."""
    values = sorted(right.signature({gram}, 1, seed)[0] for gram in grams)
    return (values + [0] * n_hashes)[:n_hashes]


@wrong_signature("test_signatures_estimate_the_similarity")
def sums(grams, n_hashes, seed=0):
    return [sum(v) for v in zip(*(right.signature({g}, n_hashes, seed) for g in list(grams)[:50]))]


@wrong_pairs("test_candidates_share_a_band")
def any_number_is_enough(signatures, n_bands):
    pairs = combinations(range(len(signatures)), 2)
    return {(i, j) for i, j in pairs if any(map(int.__eq__, signatures[i], signatures[j]))}


@wrong_pairs("test_candidates_share_a_band")
def bands_are_mixed_up(signatures, n_bands):
    rows = len(signatures[0]) // n_bands
    bands = [{tuple(s[i : i + rows]) for i in range(0, len(s), rows)} for s in signatures]
    pairs = combinations(range(len(signatures)), 2)
    return {(i, j) for i, j in pairs if bands[i] & bands[j]}


@wrong_pairs("test_candidates_share_a_band")
def bands_are_rows(signatures, n_bands):
    return right.candidate_pairs(signatures, len(signatures[0]) // n_bands)


@wrong_pairs("test_bands_must_fit")
def the_rest_is_cut_off(signatures, n_bands):
    rows = len(signatures[0]) // n_bands
    return right.candidate_pairs([one[: rows * n_bands] for one in signatures], n_bands)


@wrong_clusters("test_chains_are_clusters")
def pairs_are_clusters(n, pairs):
    return sorted(sorted(pair) for pair in pairs)


@wrong_clusters("test_chains_are_clusters")
def joined_once(n, pairs):
    """Goes through the pairs once, and never joins two clusters."""
    found = []
    for i, j in pairs:
        for cluster in found:
            if i in cluster or j in cluster:
                cluster |= {i, j}
                break
        else:
            found.append({i, j})
    return sorted(sorted(cluster) for cluster in found)


@wrong_clusters("test_chains_are_clusters")
def lonely_ones_too(n, pairs):
    found = right.clusters(n, pairs)
    return sorted(found + [[i] for i in range(n) if not any(i in one for one in found)])


# The whole


def minhash(
    paths, out, *, n_hashes, n_bands, n, threshold, seed=0, choose=None, near=None, grams=None
):
    """The whole with a part of it in another way."""
    texts = [path.read_text(encoding="utf-8") for path in paths]
    sets = [(grams or right.word_ngrams)(text, n) for text in texts]
    pairs = right.candidate_pairs([right.signature(one, n_hashes) for one in sets], n_bands)
    near = near or (lambda one, other: right.jaccard(one, other) >= threshold)
    pairs = [(i, j) for i, j in sorted(pairs) if near(sets[i], sets[j])]
    dropped = (choose or chosen)(len(texts), pairs, random.Random(seed))
    out.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(paths):
        if number not in dropped:
            shutil.copyfile(path, out / path.name)


def chosen(n, pairs, draw):
    dropped = set()
    for cluster in right.clusters(n, pairs):
        dropped |= set(cluster) - {draw.choice(cluster)}
    return dropped


@wrong_minhash("test_candidates_are_compared_exactly")
def candidates_are_duplicates(paths, out, **settings):
    minhash(paths, out, **settings, near=lambda one, other: len(one & other) > 0)


@wrong_minhash("test_case_accents_and_punctuation_make_no_difference")
def texts_as_they_are(paths, out, **settings):
    minhash(paths, out, **settings, grams=no_normalisation)


@wrong_minhash("test_the_threshold_itself_is_enough")
def above_the_threshold(paths, out, *, threshold, **settings):
    near = {"near": lambda one, other: right.jaccard(one, other) > threshold}
    minhash(paths, out, threshold=threshold, **settings, **near)


@wrong_minhash("test_clusters_are_transitive")
def each_pair_by_itself(paths, out, **settings):
    """A document goes if it is like one that stays."""

    def choose(n, pairs, draw):
        dropped = set()
        for i in range(n):
            if any(j == i and k not in dropped for k, j in pairs):
                dropped.add(i)
        return dropped

    minhash(paths, out, **settings, choose=choose)


@wrong_minhash("test_one_of_two_copies_stays")
def all_copies_go(paths, out, **settings):
    minhash(
        paths, out, **settings, choose=lambda n, pairs, draw: {i for pair in pairs for i in pair}
    )


@wrong_minhash("test_which_one_stays_is_drawn")
def the_first_always_stays(paths, out, **settings):
    def choose(n, pairs, draw):
        return {i for cluster in right.clusters(n, pairs) for i in cluster[1:]}

    minhash(paths, out, **settings, choose=choose)


@wrong_minhash("test_which_one_stays_is_drawn")
def one_of_each_pair_is_drawn(paths, out, **settings):
    """Pairs one after the other: the last of three stays in half of the cases or more."""

    def choose(n, pairs, draw):
        dropped = set()
        for i, j in pairs:
            if not dropped & {i, j}:
                dropped.add(i if draw.random() < 0.9 else j)
        return dropped

    minhash(paths, out, **settings, choose=choose)


@wrong_minhash("test_which_one_stays_is_drawn")
def without_the_seed(paths, out, *, seed=0, **settings):
    minhash(paths, out, **settings, seed=1)


@wrong_minhash("test_one_of_two_copies_stays")
def nothing_goes(paths, out, **settings):
    minhash(paths, out, **settings, choose=lambda n, pairs, draw: set())


@wrong_minhash("test_documents_without_words_stay")
def empty_ones_are_copies(paths, out, **settings):
    minhash(paths, out, **settings, near=lambda one, other: not one or one == other)


@wrong_minhash("test_one_of_two_copies_stays")
def normalised_texts_are_written(paths, out, **settings):
    minhash(paths, out, **settings)
    for path in out.iterdir():
        path.write_text(right.normalise(path.read_text(encoding="utf-8")) + "\n")
