"""Training: its parts by hand, then the whole against lib, then how its work grows."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

from adapters import tokenization
from lib.corpora.samples import CODE_SAMPLE, EMOJI_SAMPLE, SAMPLES
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from lib.tokenization.bpe import BPE, count_words, pair_counts
from lib.tokenization.fast_bpe import train_bpe

Trained = tuple[dict[int, bytes], list[tuple[bytes, bytes]]]

# count_pairs


@problem("count_pairs")
def test_pairs_are_counted_by_hand():
    for words, expected in (
        ({}, {}),
        ({(b"a",): 5}, {}),
        ({(b"t", b"o"): 1}, {(b"t", b"o"): 1}),
        ({(b"t", b"o"): 3, (b"to", b"t", b"o"): 2}, {(b"t", b"o"): 5, (b"to", b"t"): 2}),
    ):
        same(dict(tokenization.count_pairs(words)), expected, given=f"words {words}")


@problem("count_pairs")
def test_pairs_that_overlap_are_all_counted():
    for word, expected in (
        ((b"a", b"a"), {(b"a", b"a"): 1}),
        ((b"a", b"a", b"a"), {(b"a", b"a"): 2}),
        ((b"a", b"a", b"a", b"a"), {(b"a", b"a"): 3}),
        ((b"a", b"b", b"a", b"b"), {(b"a", b"b"): 2, (b"b", b"a"): 1}),
    ):
        same(dict(tokenization.count_pairs({word: 1})), expected, given=f"words {{{word}: 1}}")


# best_pair


@problem("best_pair")
def test_the_most_frequent_pair_wins():
    for counts, expected in (
        ({(b"a", b"b"): 1}, (b"a", b"b")),
        ({(b"a", b"b"): 2, (b"x", b"y"): 1}, (b"a", b"b")),
        ({(b"a", b"b"): 9, (b"x", b"y"): 10}, (b"x", b"y")),
    ):
        same(tokenization.best_pair(counts), expected, given=f"counts {counts}")


@problem("best_pair")
def test_ties_go_to_the_greater_pair():
    for one, other, expected in (
        ((b"a", b"c"), (b"a", b"b"), (b"a", b"c")),
        ((b"a", b"z"), (b"b", b"a"), (b"b", b"a")),
        ((b"b", b"a"), (b"ab", b"z"), (b"b", b"a")),  # not the longer one
        ((b"a", b"z"), (b"ab", b"b"), (b"ab", b"b")),  # a token is greater than its beginning
        ((b"ab", b"c"), (b"a", b"bz"), (b"ab", b"c")),  # pairs are compared, not what they join to
    ):
        for counts in ({one: 5, other: 5}, {other: 5, one: 5}):
            same(tokenization.best_pair(counts), expected, given=f"counts {counts}")


@problem("best_pair")
def test_ties_are_decided_by_bytes():
    """GPT-2's files spell the space as U+0120 and byte 0x7f as U+0121, above all letters."""
    for one, other, expected in (
        ((b" ", b"a"), (b"a", b"a"), (b"a", b"a")),
        ((b"a", b"\n"), (b"a", b"b"), (b"a", b"b")),
        ((b"\x7f", b"a"), (b"\xc3", b"a"), (b"\xc3", b"a")),
        ((b"\xc3", b"\xa9"), (b"\xc3", b"\x80"), (b"\xc3", b"\xa9")),
    ):
        for counts in ({one: 5, other: 5}, {other: 5, one: 5}):
            same(tokenization.best_pair(counts), expected, given=f"counts {counts}")


# merge


@problem("merge")
def test_a_pair_is_joined_everywhere_from_the_left():
    t, o, a = b"t", b"o", b"a"
    for word, pair, expected in (
        ((t,), (t, o), (t,)),
        ((t, o), (t, o), (b"to",)),
        ((o, t), (t, o), (o, t)),
        ((t, o, t, o), (t, o), (b"to", b"to")),
        ((t, t, o, o), (t, o), (t, b"to", o)),
        ((a, a, a), (a, a), (b"aa", a)),
        ((a, a, a, a), (a, a), (b"aa", b"aa")),
        ((b"to", t, o), (b"to", t), (b"tot", o)),
        ((b"to", t, o), (t, o), (b"to", b"to")),
        ((b"ab",), (b"a", b"b"), (b"ab",)),
        ((a, b"bc"), (b"ab", b"c"), (a, b"bc")),  # the same bytes, and another pair
    ):
        same(tokenization.merge(word, pair), expected, given=f"word {word}, pair {pair}")


# train_bpe


def trained(text: str | bytes, n_merges: int, special: list[str], folder: Path) -> Trained:
    """What the learner's training makes of a file with this text."""
    path = folder / "text.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    vocab, merges = tokenization.train_bpe(path, 256 + n_merges + len(special), special)
    return dict(vocab), list(merges)


def merges_by_hand(
    cases: list[tuple[str, list[tuple[bytes, bytes]]]], folder: Path, special: tuple[str, ...] = ()
) -> None:
    for text, expected in cases:
        _, merges = trained(text, len(expected), [*special], folder)
        same(merges, expected, given=f"a file with the text {text!r}, {len(expected)} merges")


def random_texts(parts: tuple[str, ...], seed: int = 0) -> Iterator[str]:
    """From short to long."""
    choose = random.Random(seed)
    for length in (2, 3, 4, 5, 6, 8, 10, 15, 20, 40, 80):
        for _ in range(3):
            yield "".join(choose.choices(parts, k=length))


def compare_with_lib(text: str, n_merges: int, special: list[str], folder: Path) -> None:
    size = 256 + n_merges + len(special)
    expected = train_bpe([text], size, special=special, n_processes=1)
    vocab, merges = trained(text, n_merges, special, folder)
    given = f"{n_merges} merges, special tokens {special}, a file with the text {text!r:.200}"
    same(merges, expected.merges, given=given)
    ids = {id: token.encode() for token, id in expected.special.items()}
    same(vocab, expected.tokens | ids, given=given)


@problem("train_bpe")
def test_no_merges_at_all(tmp_path):
    vocab, merges = trained("to", 0, [], tmp_path)
    same(merges, [], given="a file with the text 'to', vocab_size 256")
    same(vocab, {i: bytes([i]) for i in range(256)}, given="the same file: its vocabulary")


@problem("train_bpe")
def test_merges_by_hand(tmp_path):
    toot = [(b"t", b"o"), (b"to", b"o"), (b"too", b"t")]
    for text, merges in (
        ("to", toot[:1]),
        ("to to", [*toot[:1], (b" ", b"to")]),
        ("toot", toot[:1]),
        ("toot", toot),
        ("toot otto otto", [(b"t", b"o"), (b"o", b"t"), (b"ot", b"to")]),
    ):
        merges_by_hand([(text, merges)], tmp_path)


@problem("train_bpe")
def test_ties_in_training(tmp_path):
    merges_by_hand(
        [
            ("az ba", [(b"b", b"a")]),  # not the first seen, nor the smaller
            ("ba az", [(b"b", b"a")]),
            ("aa ab", [(b"a", b"b")]),
            ("x !", [(b" ", b"!")]),
            (" aa", [(b"a", b"a")]),  # GPT-2's files spell the space as a high character
            ("abc", [(b"b", b"c"), (b"a", b"bc")]),
        ],
        tmp_path,
    )


@problem("train_bpe")
def test_overlapping_pairs_in_training(tmp_path):
    merges_by_hand(
        [
            ("aaa xy aaa xy xy", [(b"a", b"a")]),  # 4 against 3
            ("aaaa xyz", [(b"a", b"a"), (b"y", b"z"), (b"x", b"yz"), (b"aa", b"aa")]),
            ("aaaaa", [(b"a", b"a"), (b"aa", b"aa"), (b"aaaa", b"a")]),
        ],
        tmp_path,
    )


@problem("train_bpe")
def test_nothing_is_merged_across_pre_tokens(tmp_path):
    for text, expected in (
        ("a b", [(b" ", b"b")]),
        ("a-b", []),
        ("a1", []),
        ("a-b-a-b-a-b", []),
        ("the the the", [(b"t", b"h"), (b"th", b"e"), (b" ", b"the")]),
    ):
        _, merges = trained(text, 9, [], tmp_path)
        same(merges, expected, given=f"a file with the text {text!r}, up to 9 merges")


@problem("train_bpe")
def test_nothing_is_merged_across_special_tokens(tmp_path):
    for text, expected in (
        ("<x>", []),
        ("a<x>b", []),
        ("a<x>b<x>a<x>b", []),
        ("ab<x>a<x>b", [(b"a", b"b")]),
    ):
        _, merges = trained(text, 9, ["<x>"], tmp_path)
        given = f"a file with the text {text!r}, special tokens ['<x>'], up to 9 merges"
        same(merges, expected, given=given)


@problem("train_bpe")
def test_special_tokens_add_nothing_to_the_counts(tmp_path):
    cases = [("ab ab<|q|>c<|q|>c<|q|>", [(b"a", b"b")]), ("<|q|><|q|>ab", [(b"a", b"b")])]
    merges_by_hand(cases, tmp_path, special=("<|q|>",))
    merges_by_hand([("ab-zz-zz", [(b"a", b"b")])], tmp_path, special=("zz",))


@problem("train_bpe")
def test_the_size_counts_bytes_merges_and_special_tokens(tmp_path):
    for n_merges, special in ((1, []), (0, ["<x>"]), (2, ["<y>", "<x>"])):
        vocab, merges = trained("abcabcabc", n_merges, special, tmp_path)
        given = f"'abcabcabc', vocab_size {256 + n_merges + len(special)}, special tokens {special}"
        same(len(merges), n_merges, given=f"{given}: the number of merges")
        same(len(vocab), 256 + n_merges + len(special), given=f"{given}: the size of vocab")


@problem("train_bpe")
def test_ids_are_bytes_then_merges_then_special_tokens(tmp_path):
    vocab, _ = trained("abcabc", 2, ["<y>", "<x>"], tmp_path)
    expected = {i: bytes([i]) for i in range(256)}
    expected |= {256: b"bc", 257: b"abc", 258: b"<y>", 259: b"<x>"}
    same(vocab, expected, given="'abcabc', vocab_size 260, special tokens ['<y>', '<x>']")


@problem("train_bpe")
def test_training_ends_when_no_pair_is_left(tmp_path):
    for text, n in (("", 0), ("a", 0), ("ab", 1), ("abc", 2)):
        vocab, merges = trained(text, 50, ["<x>"], tmp_path)
        given = f"a file with the text {text!r}, vocab_size 307, special tokens ['<x>']"
        same(len(merges), n, given=f"{given}: the number of merges")
        same(vocab.get(256 + n), b"<x>", given=f"{given}: the token with id {256 + n}")


@problem("train_bpe")
def test_a_size_without_room_is_refused(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"to")
    for vocab_size, special in ((255, []), (0, []), (257, ["<x>", "<y>"])):
        given = f"vocab_size {vocab_size}, special tokens {special}"
        try:
            tokenization.train_bpe(path, vocab_size, special)
        except ValueError:
            continue
        holds(False, "There is no room for the bytes: raise ValueError.", given=given)


@problem("train_bpe")
def test_line_ends_stay_as_they_are(tmp_path):
    for text, expected in (
        ("a\r\n\r\n", [(b"\r", b"\n"), (b"\r\n", b"\r\n")]),
        ("a\r\r", [(b"\r", b"\r")]),
        ("a\n\n", [(b"\n", b"\n")]),
    ):
        _, merges = trained(text, 9, [], tmp_path)
        same(merges, expected, given=f"a file with the bytes {text.encode()}, up to 9 merges")


@problem("train_bpe")
def test_invalid_bytes_are_replacement_characters(tmp_path):
    for data in (b"\xff", b"a\xffa\xff", b"\xe2\x82"):
        _, merges = trained(data, 9, [], tmp_path)
        expected = BPE.train(data.decode(errors="replace"), n_merges=9).merges
        same(merges, expected, given=f"a file with the bytes {data}, up to 9 merges")


@problem("train_bpe")
def test_random_words(tmp_path):
    for text in random_texts(("a", "b", "ab", "ba", "aa", " ", "c")):
        compare_with_lib(text, 12, [], tmp_path)


@problem("train_bpe")
def test_random_documents(tmp_path):
    for text in random_texts(("a", "é", "ab", " ", "\n", "'s", "<x>", "<x><y>", "<", "🌍")):
        compare_with_lib(text, 12, ["<x>", "<x><y>"], tmp_path)


@problem("train_bpe")
def test_real_texts(tmp_path):
    for text in (EMOJI_SAMPLE, CODE_SAMPLE, SAMPLES["English"], "".join(SAMPLES.values())):
        compare_with_lib(text, 200, [], tmp_path)


# train_bpe_speed


def busy_and_idle(n_idle: int) -> str:
    """A file whose merges all happen in 30 frequent words, beside many rare ones.

    The words are lines: no space that would make a pair with their first letters.
    """
    choose = random.Random(0)
    busy = ["".join(choose.choices("qrstuvwxyz", k=8)) for _ in range(30)] * (n_idle // 10)
    idle = ["".join(choose.choices("abcdefghijkl", k=12)) for _ in range(n_idle)]
    return "\n".join(busy + idle)


def seconds_of_one_merge(text: str, folder: Path) -> float:
    """By how much a training gets longer; what it does before the first merge cancels out."""
    taken = []
    for n_merges in (10, 40):
        start = time.process_time()  # of this process alone, so that others do not disturb
        trained(text, n_merges, [], folder)
        taken.append(time.process_time() - start)
    return (taken[1] - taken[0]) / 30


def seconds_of_one_count(text: str) -> float:
    """What it takes, here and now, to count all pairs of a text once."""
    words, taken = count_words([text]), []
    for _ in range(3):
        start = time.process_time()
        pair_counts(words)
        taken.append(time.process_time() - start)
    return min(taken)


@problem("train_bpe_speed")
def test_a_merge_does_not_look_at_every_word(tmp_path):
    text = busy_and_idle(10_000)
    one_count = seconds_of_one_count(text)
    allowed = one_count / 10
    for _ in range(3):  # chance may spoil one measurement
        one_merge = seconds_of_one_merge(text, tmp_path)
        if not allowed <= one_merge < 3 * allowed:
            break
    rule = (
        "All merges happen in 30 words, so a merge must not take as long as a look at all 10,000:"
        " change only the counts that the merge changes."
    )
    given = f"counting all pairs once takes {one_count * 1e3:.0f} ms here; a tenth is allowed"
    holds(one_merge < allowed, rule, given=given, yours=f"{one_merge * 1e3:.2f} ms a merge")
