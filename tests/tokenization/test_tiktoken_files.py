import base64

import pytest
import tiktoken
from hypothesis import given, settings
from sample_texts import TEXTS, any_text, tricky_text
from tiktoken.load import load_tiktoken_bpe

from lib.tokenization.bpe import BPE
from lib.tokenization.pretokenize import PATTERNS
from lib.tokenization.tiktoken_files import load_tiktoken, merges_from_ranks, save_tiktoken

BYTES = {bytes([byte]): byte for byte in range(256)}
NAMES = sorted(PATTERNS)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """For each pattern: our vocabulary, our reading of its file, tiktoken's reading of its file."""
    pairs = {}
    for name in NAMES:
        path = tmp_path_factory.mktemp(name) / "ours.tiktoken"
        ours = BPE.train(TEXTS.values(), n_merges=300, pattern=name, special=["<|endoftext|>"])
        save_tiktoken(ours, path)
        theirs = tiktoken.Encoding(
            name,
            pat_str=PATTERNS[name],
            mergeable_ranks=load_tiktoken_bpe(str(path)),
            special_tokens=ours.special,
        )
        pairs[name] = ours, load_tiktoken(path, name, ours.special), theirs
    return pairs


def test_the_file_by_hand(tmp_path):
    save_tiktoken(BPE.train("abab", n_merges=1, pattern=None), tmp_path / "ranks")
    lines = (tmp_path / "ranks").read_text(encoding="utf-8").split("\n")
    assert lines[97] == base64.b64encode(b"a").decode() + " 97" == "YQ== 97"
    assert lines[256:] == ["YWI= 256", ""]


@pytest.mark.parametrize("name", NAMES)
def test_everything_comes_back(both, name):
    ours, loaded, _ = both[name]
    assert (loaded.tokens, loaded.merges) == (ours.tokens, ours.merges)
    assert (loaded.special, loaded.pattern) == (ours.special, ours.pattern)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(text=any_text | tricky_text)
def test_tiktoken_gives_the_same_ids(both, name, text):
    ours, loaded, theirs = both[name]
    text += "<|endoftext|>" + text
    assert ours.encode(text) == loaded.encode(text) == theirs.encode_ordinary(text)
    ids = theirs.encode(text, allowed_special="all")
    assert ours.encode(text, "all") == loaded.encode(text, "all") == ids
    assert loaded.decode(ids) == theirs.decode(ids) == text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sample", TEXTS)
def test_tiktoken_gives_the_same_ids_and_places_for_the_samples(both, name, sample):
    _, loaded, theirs = both[name]
    text = TEXTS[sample]
    ids = theirs.encode_ordinary(text)
    assert loaded.encode(text) == ids
    starts = theirs.decode_with_offsets(ids)[1]
    assert [start for start, _ in loaded.offsets(text)] == starts


# Vocabularies that no training made: a token that cannot be reached, and parts that come too late.
COMPOSED = {
    "unreachable": {**BYTES, b"abc": 256, b"de": 257},
    "parts come later": {**BYTES, b"abc": 256, b"ab": 257, b"bc": 258, b"bcd": 259},
    "many ways": {
        **BYTES,
        b"ab": 256,
        b"cd": 257,
        b"bc": 258,
        b"abc": 259,
        b"abcd": 260,
        b"bcd": 261,
    },
}


def test_merges_of_a_trained_vocabulary():
    ranks = {**BYTES, b"bc": 256, b"ab": 257, b"abc": 258}
    assert merges_from_ranks(ranks) == [(b"b", b"c"), (b"a", b"b"), (b"a", b"bc")]


def test_merges_of_a_composed_vocabulary_are_all_cuts():
    ranks = COMPOSED["parts come later"]
    assert merges_from_ranks(ranks) == [
        (b"a", b"bc"),
        (b"ab", b"c"),
        (b"a", b"b"),
        (b"b", b"c"),
        (b"bc", b"d"),
    ]


@pytest.mark.parametrize("name", COMPOSED)
@settings(max_examples=40)
@given(text=tricky_text.map(lambda text: "".join("abcde "[ord(char) % 6] for char in text)))
def test_tiktoken_gives_the_same_ids_for_composed_vocabularies(tmp_path_factory, name, text):
    ranks = COMPOSED[name]
    path = tmp_path_factory.getbasetemp() / f"{name}.tiktoken"
    if not path.exists():
        lines = [f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items()]
        path.write_text("".join(lines), encoding="utf-8")
    theirs = tiktoken.Encoding(
        name, pat_str=PATTERNS["gpt2"], mergeable_ranks=ranks, special_tokens={}
    )
    assert load_tiktoken(path, "gpt2").encode(text) == theirs.encode_ordinary(text)


def test_a_word_that_is_a_token_is_taken_whole_as_by_tiktoken(tmp_path):
    lines = [
        f"{base64.b64encode(token).decode()} {i}\n" for i, token in enumerate([*BYTES, b"abc"])
    ]
    (tmp_path / "ranks").write_text("".join(lines), encoding="utf-8")
    assert load_tiktoken(tmp_path / "ranks", "gpt2").encode("abc") == [256]


def test_a_vocabulary_whose_ids_are_no_order_is_refused(tmp_path):
    tokens = {byte: bytes([byte]) for byte in range(256)} | {257: b"ab", 256: b"cd"}
    bpe = BPE(tokens, [(b"a", b"b"), (b"c", b"d")])
    with pytest.raises(ValueError, match="order of merges by the order of ids"):
        save_tiktoken(bpe, tmp_path / "ranks")
    assert not (tmp_path / "ranks").exists()
