"""A tokenizer at work: merge order, special tokens, malformed bytes, laziness, files."""

import json
import random
from collections.abc import Iterator
from functools import cache
from itertools import chain, islice
from typing import Any

from adapters import tokenization
from lib.corpora.samples import CODE_SAMPLE, EMOJI_SAMPLE, SAMPLES
from lib.grading.feedback import Difference, holds, same
from lib.grading.problems import problem
from lib.tokenization.bpe import BPE
from lib.tokenization.fast_bpe import train_bpe
from lib.tokenization.gpt2_files import load_gpt2, save_gpt2

Pair = tuple[bytes, bytes]

BYTES = {i: bytes([i]) for i in range(256)}
END = "<|endoftext|>"
PARTS = (
    *("the", " the", "e", "é", " ", "  ", "\n", "\r\n", "'", "'ll", "ll", "7", "42", "!", "🌍"),
    *("<x>", "<x><y>", "<", "x>", "<x y>"),
)


def make(merges: list[Pair], special: list[str] | None = None) -> Any:
    """A tokenizer with the bytes as ids 0 to 255 and the merges behind them."""
    vocab = BYTES | {256 + i: left + right for i, (left, right) in enumerate(merges)}
    return tokenization.tokenizer(vocab, merges, special)


@cache
def oracle(special: tuple[str, ...] = ()) -> BPE:
    """Trained on the samples; the same for every test."""
    return train_bpe([*SAMPLES.values(), CODE_SAMPLE], 1000 + len(special), special=special)


def learned(special: tuple[str, ...] = ()) -> Any:
    """The learner's tokenizer with the vocabulary of the oracle."""
    known = oracle()
    return tokenization.tokenizer(dict(known.tokens), list(known.merges), [*special])


def random_texts(seed: int = 0) -> Iterator[str]:
    """From short to long."""
    choose = random.Random(seed)
    for length in (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 40):
        for _ in range(15):
            yield "".join(choose.choices(PARTS, k=length))


# split_word


@problem("split_word")
def test_a_word_without_merges():
    for word in (b"", b"a", b"ab", "é".encode()):
        expected = [bytes([byte]) for byte in word]
        same(list(tokenization.split_word(word, {})), expected, given=f"word {word}, no merges")


@problem("split_word")
def test_the_merge_made_first_is_applied_first():
    th, ha, at = (b"t", b"h"), (b"h", b"a"), (b"a", b"t")
    for word, merges, expected in (
        (b"th", [th], [b"th"]),
        (b"tha", [th, ha], [b"th", b"a"]),
        (b"tha", [ha, th], [b"t", b"ha"]),
        (b"that", [at, ha, th], [b"th", b"at"]),
        (b"that", [ha, (b"ha", b"t"), th], [b"t", b"hat"]),
        (b"hathat", [th, ha, at], [b"ha", b"th", b"at"]),
    ):
        ranks = {pair: rank for rank, pair in enumerate(merges)}
        yours = tokenization.split_word(word, ranks)
        same(list(yours), expected, given=f"word {word}, ranks {ranks}")


@problem("split_word")
def test_the_longest_token_does_not_win():
    merges = [(b"b", b"c"), (b"a", b"b"), (b"ab", b"c")]
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    for word, expected in ((b"ab", [b"ab"]), (b"abc", [b"a", b"bc"]), (b"abab", [b"ab", b"ab"])):
        yours = tokenization.split_word(word, ranks)
        same(list(yours), expected, given=f"word {word}, ranks {ranks}")


@problem("split_word")
def test_a_merge_is_applied_from_the_left():
    ranks = {(b"a", b"a"): 0, (b"aa", b"aa"): 1}
    for n, expected in ((2, [2]), (3, [2, 1]), (4, [4]), (5, [4, 1]), (7, [4, 2, 1])):
        yours = [len(token) for token in tokenization.split_word(b"a" * n, ranks)]
        same(yours, expected, given=f"word {b'a' * n}, ranks {ranks}: the lengths of the tokens")


@problem("split_word")
def test_the_words_of_a_trained_vocabulary():
    known = oracle()
    ranks = {pair: rank for rank, pair in enumerate(known.merges)}
    words = sorted({word.encode() for text in SAMPLES.values() for word in text.split()}, key=len)
    for word in words:
        expected = [known.tokens[id] for id in known.encode_word(word)]
        same(list(tokenization.split_word(word, ranks)), expected, given=f"word {word}")


# encode


@problem("encode")
def test_ids_by_hand():
    tokenizer = make([(b"t", b"o"), (b" ", b"to")])
    for text, expected in (
        ("", []),
        ("a", [97]),
        ("to", [256]),
        ("to to", [256, 257]),
        ("otto", [111, 116, 256]),
        ("é", [0xC3, 0xA9]),
    ):
        given = f"merges [(t, o), ( , to)], text {text!r}"
        same(list(tokenizer.encode(text)), expected, given=given)


@problem("encode")
def test_nothing_is_merged_across_pre_tokens_when_encoding():
    tokenizer = make([(b"a", b" "), (b"a", b"!"), (b"a", b"1"), (b"'", b"s")])
    for text in ("a b", "a!", "a1", "a a"):
        given = f"merges [(a,  ), (a, !), (a, 1), (', s)], text {text!r}"
        same(list(tokenizer.encode(text)), list(text.encode()), given=given)
    same(list(tokenizer.encode("it's")), [105, 116, 259], given='the same merges, text "it\'s"')


@problem("encode")
def test_special_tokens_of_the_vocabulary_keep_their_ids():
    vocab = {0: b"<x>"} | {i + 1: token for i, token in BYTES.items()}
    for special in (["<x>"], ["<y>", "<x>"]):
        tokenizer = tokenization.tokenizer(vocab, [], special)
        given = f"a vocabulary where <x> has id 0 and each byte b id b + 1, special {special}"
        same(list(tokenizer.encode("a<x>")), [98, 0], given=f"{given}, text 'a<x>'")


@problem("encode")
def test_missing_special_tokens_get_the_next_ids():
    for special, expected in (
        (["<x>"], [256, 97, 60, 121, 62]),
        (["<x>", "<y>"], [256, 97, 257]),
        (["<y>", "<x>"], [257, 97, 256]),
    ):
        given = f"a vocabulary of the 256 bytes, special tokens {special}, text '<x>a<y>'"
        same(list(make([], special).encode("<x>a<y>")), expected, given=given)
    tokenizer = tokenization.tokenizer(BYTES | {900: b"to"}, [(b"t", b"o")], ["<x>"])
    given = "the 256 bytes and a token with id 900, special tokens ['<x>'], text '<x>'"
    same(list(tokenizer.encode("<x>")), [901], given=given)


@problem("encode")
def test_the_vocabulary_given_is_not_changed():
    vocab = dict(BYTES)
    tokenization.tokenizer(vocab, [], ["<x>"])
    same(len(vocab), 256, given="the size of the dict that a tokenizer was made from, with ['<x>']")


@problem("encode")
def test_without_special_tokens_they_are_text():
    same(list(make([]).encode("<x>")), [60, 120, 62], given="no special tokens, text '<x>'")
    same(list(make([], []).encode("<x>")), [60, 120, 62], given="special tokens [], text '<x>'")


@problem("encode")
def test_the_longest_special_token_wins():
    for special in (["<x>", "<x><x>"], ["<x><x>", "<x>"]):
        tokenizer = make([], special)
        two, one = 256 + special.index("<x><x>"), 256 + special.index("<x>")
        for text, expected in (("<x>", [one]), ("<x><x>", [two]), ("<x><x><x>", [two, one])):
            given = f"special tokens {special} with the ids 256 and 257, text {text!r}"
            same(list(tokenizer.encode(text)), expected, given=given)


@problem("encode")
def test_the_order_of_the_ids_does_not_matter():
    merges = [(b"t", b"o"), (b"to", b"o")]
    tokens = [*BYTES.values(), b"to", b"too"]
    vocab = {2 * i + 7: token for i, token in enumerate(reversed(tokens))}
    id_of = {token: id for id, token in vocab.items()}
    tokenizer = tokenization.tokenizer(vocab, merges, [])
    for text, expected in (("a", [b"a"]), ("to", [b"to"]), ("tootot", [b"too", b"to", b"t"])):
        given = f"merges {merges}, a vocabulary with other ids ({b'a'} is {id_of[b'a']}), {text!r}"
        same(list(tokenizer.encode(text)), [id_of[token] for token in expected], given=given)


@problem("encode")
def test_random_texts_against_lib():
    special = ("<x>", "<x><y>", "<x y>")
    yours, expected = learned(special), oracle(special)
    for text in random_texts():
        ids = expected.encode(text, allowed_special="all")
        given = f"1,000 tokens trained on the samples, special tokens {special}, text {text!r}"
        same(list(yours.encode(text)), ids, given=given)


@problem("encode")
def test_real_texts_against_lib():
    yours, expected = learned(), oracle()
    for text in (EMOJI_SAMPLE, CODE_SAMPLE, *SAMPLES.values()):
        same(list(yours.encode(text)), expected.encode(text), given=f"text {text!r:.60}...")


# decode


@problem("decode")
def test_what_was_encoded_comes_back():
    tokenizer = learned(("<x>",))
    for text in ("", "a", "to be", "<x>", "é", "\r\n", *random_texts(), *SAMPLES.values()):
        same(tokenizer.decode(tokenizer.encode(text)), text, given=f"decode(encode({text!r:.100}))")


@problem("decode")
def test_characters_may_be_spread_over_tokens():
    tokenizer = make([])
    for text in ("é", "€", "🌍", "né 🌍!"):
        ids = list(text.encode())
        same(tokenizer.decode(ids), text, given=f"the 256 bytes as vocabulary, ids {ids}")


@problem("decode")
def test_malformed_bytes_become_replacement_characters():
    tokenizer = make([(b"\xe2", b"\x82")], ["<x>"])
    for ids, expected in (
        ([0x80], "\ufffd"),
        ([0xC3], "\ufffd"),
        ([97, 0xFF, 98], "a\ufffdb"),
        ([0xC3, 97], "\ufffda"),
        ([256], "\ufffd"),  # a token, and only the beginning of a character
        ([256, 0xAC], "€"),
        ([256, 257, 0xAC], "\ufffd<x>\ufffd"),
        ([0xFF, 0xFF], "\ufffd\ufffd"),
    ):
        try:
            yours = tokenizer.decode(ids)
        except UnicodeDecodeError as error:
            raise Difference("Malformed bytes are no error.", f"ids {ids}", repr(error)) from None
        same(yours, expected, given=f"bytes 0-255, 256 = e2 82, 257 = <x>; ids {ids}")


@problem("decode")
def test_ids_may_come_from_an_iterator():
    same(make([]).decode(iter([97, 98])), "ab", given="iter([97, 98])")


# encode_iterable


def cuttings(text: str) -> Iterator[list[str]]:
    """The text cut once, at every place; then into single characters; with empty pieces."""
    yield from ([text[:i], text[i:]] for i in range(len(text) + 1))
    yield list(text)
    yield ["", *chain.from_iterable((character, "") for character in text)]


@problem("encode_iterable")
def test_texts_that_are_not_cut():
    tokenizer = learned(("<x>",))
    for text in ("", "a", "to be<x>", "it'll be\n"):
        same(list(tokenizer.encode_iterable([text])), tokenizer.encode(text), given=f"[{text!r}]")
    same(list(tokenizer.encode_iterable([])), [], given="no texts at all")


@problem("encode_iterable")
def test_it_does_not_matter_where_a_text_is_cut():
    tokenizer = make([(b"t", b"o"), (b" ", b" "), (b"\n", b"\n"), (b"'", b"l"), (b"'l", b"l")])
    for text in ("to", "a to", "a  to", "a \n\n to", "I'll", "é!!1", "a\r\n\r\nb"):
        for pieces in cuttings(text):
            expected = tokenizer.encode(text)
            given = f"merges to, two spaces, two line ends, 'll; texts {pieces}"
            same(list(tokenizer.encode_iterable(pieces)), expected, given=given)


@problem("encode_iterable")
def test_special_tokens_may_be_cut():
    special = ["<x>", "<x><y>", "<x y>"]
    tokenizer = make([(b"<", b"x")], special)
    for text in ("<x>", "<x><y>", "a <x y> b", "<x<x>", "<x><x><y>", "<x y", "<x> <x><"):
        for pieces in cuttings(text):
            expected = tokenizer.encode(text)
            given = f"special tokens {special}, texts {pieces}"
            same(list(tokenizer.encode_iterable(pieces)), expected, given=given)


@problem("encode_iterable")
def test_random_cuttings():
    tokenizer, choose = learned(("<x>", "<x><y>", "<x y>")), random.Random(1)
    for text in random_texts(seed=2):
        places = sorted(choose.choices(range(len(text) + 1), k=len(text) // 3))
        pieces = [text[i:j] for i, j in zip([0, *places], [*places, len(text)])]
        expected = tokenizer.encode(text)
        same(list(tokenizer.encode_iterable(pieces)), expected, given=f"texts {pieces}")


def supply(line: str, at_most: int, read: list[int]) -> Iterator[str]:
    """Lines, without end; an error for whoever wants to see the end."""
    for n in range(at_most):
        read[0] = n + 1
        yield f"{n} {line}\n"
    raise Difference(
        "Give out ids as soon as they are certain, and read on only when more are asked for.",
        given=f"lines without end, like {line!r}",
        yours=f"{at_most} lines read before the ids asked for came out",
    )


@problem("encode_iterable")
def test_the_first_id_needs_few_lines():
    read = [0]
    ids = ids_of(supply("to be or not to be", 1000, read))
    next(iter(ids))
    rule = "The first id is certain after the first line, or a line or two later."
    holds(read[0] <= 5, rule, given="lines without end", yours=f"{read[0]} lines read")


def ids_of(lines: Iterator[str]) -> Iterator[int]:
    return learned((END,)).encode_iterable(lines)


@problem("encode_iterable")
def test_reading_keeps_pace_with_the_ids():
    """In the lines of this test every character is at least one token, or part of a short one."""
    read = [0]
    ids = iter(ids_of(supply("to be or not to be", 100_000, read)))
    length = len("0 to be or not to be\n")  # each line has at most as many ids, and at least 6
    for n in (100, 1000, 10_000):
        taken = sum(1 for _ in islice(ids, n))
        same(taken, n, given=f"lines without end: the number of ids after asking for {n}")
        total = {100: 100, 1000: 1100, 10_000: 11_100}[n]
        rule = f"{total} ids are certain after {total // 6 + 5} such lines."
        given = f"lines without end, of {length} characters or a few more"
        holds(read[0] <= total // 6 + 5, rule, given=given, yours=f"{read[0]} lines read")


@problem("encode_iterable")
def test_nothing_is_read_before_an_id_is_asked_for():
    read = [0]
    ids_of(supply("to be or not to be", 1000, read))
    rule = "encode_iterable alone reads nothing: a function with yield waits for next()."
    holds(read[0] == 0, rule, given="lines without end, and no id asked for", yours=read[0])


# from_files


def same_tokenizer(yours: Any, expected: BPE, given: str) -> None:
    for text in ("", "a", "to be", "## #", "\r\n\x00\x7f", "é🌍", f"a{END}b", SAMPLES["German"]):
        ids = expected.encode(text, allowed_special="all")
        same(list(yours.encode(text)), ids, given=f"{given}, text {text!r:.60}")
        same(yours.decode(ids), text, given=f"{given}, its ids for {text!r:.60}")


@problem("from_files")
def test_gpt2_files_are_read(tmp_path):
    vocab_path, merges_path = tmp_path / "vocab.json", tmp_path / "merges.txt"
    for name, expected in (
        ("two merges", BPE.train("to to", n_merges=2)),
        ("a merge of # and #", BPE.train("## ##", n_merges=2)),
        ("all samples", oracle()),
        (f"all samples, and {END}", oracle((END,))),
        ("a special token with a space", oracle(("<x y>",))),
    ):
        save_gpt2(expected, vocab_path, merges_path)
        special = [*expected.special]
        yours = tokenization.tokenizer_from_files(vocab_path, merges_path, special)
        same_tokenizer(yours, expected, given=f"files of a vocabulary: {name}")


@problem("from_files")
def test_special_tokens_that_the_files_lack_are_added(tmp_path):
    vocab_path, merges_path = tmp_path / "vocab.json", tmp_path / "merges.txt"
    save_gpt2(BPE.train("to", n_merges=1), vocab_path, merges_path)
    yours = tokenization.tokenizer_from_files(vocab_path, merges_path, ["<x>"])
    same(list(yours.encode("to<x>")), [256, 257], given="files with one merge, special ['<x>']")


@problem("from_files")
def test_files_are_written(tmp_path):
    vocab_path, merges_path = tmp_path / "vocab.json", tmp_path / "merges.txt"
    for special in ((), (END,), ("<x y>", END)):
        learned(special).save(vocab_path, merges_path)
        given = f"special tokens {list(special)}"
        spelled = json.loads(vocab_path.read_text(encoding="utf-8"))
        same(sorted(spelled.values()), [*range(1000 + len(special))], given=f"{given}: ids in file")
        lines = merges_path.read_text(encoding="utf-8").split("\n")
        same(lines[0], "#version: 0.2", given=f"{given}: the first line of merges.txt")
        holds(" " not in "".join(spelled.keys() - set(special)), "A space is spelled Ġ.")
        loaded = load_gpt2(vocab_path, merges_path)
        same(loaded.special, oracle(special).special, given=f"{given}: special tokens in the files")
        same(loaded.merges, oracle(special).merges, given=f"{given}: the merges in the files")
        same_tokenizer(
            tokenization.tokenizer_from_files(vocab_path, merges_path, [*special]),
            oracle(special),
            given=f"{given}, saved and read again",
        )


@problem("from_files")
def test_other_ids_survive_the_files(tmp_path):
    vocab_path, merges_path = tmp_path / "vocab.json", tmp_path / "merges.txt"
    vocab = {300 - i: token for i, token in BYTES.items()} | {7: b"to"}
    tokenization.tokenizer(vocab, [(b"t", b"o")], []).save(vocab_path, merges_path)
    yours = tokenization.tokenizer_from_files(vocab_path, merges_path, None)
    given = "byte b has id 300 - b, the token 'to' id 7; saved, read again, text 'toa'"
    same(list(yours.encode("toa")), [7, 203], given=given)
