"""SentencePiece's BPE: by hand, and id by id against `tokenizers`, set up as the real files are."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import TEXTS, any_text, tricky_text
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from tokenizers.normalizers import Prepend, Replace
from tokenizers.pre_tokenizers import Metaspace, Split
from tokenizers.trainers import BpeTrainer

from lib.tokenization.sentencepiece_bpe import BYTES, SentencePieceBPE, merge_by_rank
from lib.tokenization.sentencepiece_json import load_sentencepiece, save_sentencepiece
from lib.tokenization.tokenizer import Tokenizer as OurTokenizer

SPECIAL, WHOLE = ["<unk>", "<s>", "</s>"], ["\n\n", "▁▁▁"]
REPLACE, PREPEND = Replace(" ", "▁"), Prepend("▁")
STRIP = [decoders.Strip(" ", 1, 0)]
CHAINS = {  # normalizer, pre_tokenizer, last decoder
    "llama2": (normalizers.Sequence([PREPEND, REPLACE]), None, STRIP),
    "mistral3": (None, Metaspace("▁", "first", split=False), STRIP),
    "always": (None, Metaspace("▁", "always", split=False), STRIP),
    "words": (None, Metaspace("▁", "always", split=True), STRIP),
    "gemma2": (REPLACE, Split(" ", "merged_with_previous"), []),
}
spaces_and_marks = st.text(st.sampled_from(" ▁abe\n<s>/éß中🙂"), max_size=25)


def by_hand(**choices):
    """Bytes are 0 to 255, then ▁ a b, the joined ▁a ab ▁ab, and two special tokens."""
    pieces = [*BYTES, "▁", "a", "b", "▁a", "ab", "▁ab"]
    merges = [("▁", "a"), ("a", "b"), ("▁a", "b")]
    return SentencePieceBPE(dict(enumerate(pieces)), merges, {"<s>": 262, "</s>": 263}, **choices)


# By hand


def test_an_encoding_by_hand():
    bpe = by_hand(prefix="every", strips_space=True)
    assert bpe.encode("ab b") == [261, 256, 258]  # ▁ab ▁ b
    assert bpe.encode("é") == [256, 0xC3, 0xA9]
    assert bpe.encode("a<s>b", "all") == [259, 262, 256, 258]
    assert bpe.encode("a<s>b")[:3] == [259, ord("<"), ord("s")]
    assert bpe.decode([261, 256, 258]) == "ab b"
    assert bpe.decode([0xC3, 0xA9, 0xC3, 257]) == "\ufffd\ufffd\ufffda"
    assert bpe.token_bytes(261) == b" ab" and bpe.token_bytes(0xC3) == b"\xc3"
    assert bpe.vocab_size == 264


@pytest.mark.parametrize(
    ("prefix", "tokens"),
    [
        ("every", ["▁a", "</s>", "▁", "▁a"]),
        ("unless", ["▁a", "</s>", "▁a"]),
        ("first", ["▁a", "</s>", "▁a"]),
        (None, ["a", "</s>", "▁a"]),
    ],
)
def test_where_a_space_is_put(prefix, tokens):
    bpe = by_hand(prefix=prefix)
    assert [bpe.piece(id) for id in bpe.encode("a</s> a", "all")] == tokens


def test_words_are_cut_where_no_piece_reaches_across():
    bpe = by_hand()
    assert bpe.words("▁ab▁ba▁▁a") == ["▁ab", "▁", "b", "a", "▁", "▁a"]


def test_the_lowest_rank_goes_first_and_then_the_leftmost():
    rules = {(1, 1): (1, 2), (1, 3): (0, 4), (2, 2): (2, 5)}
    assert merge_by_rank([1, 1, 1], rules) == [2, 1]
    assert merge_by_rank([1, 1, 3], rules) == [1, 4]
    assert merge_by_rank([1] * 9, rules) == [5, 5, 1]


def test_it_is_a_tokenizer():
    assert isinstance(by_hand(), OurTokenizer)


def test_what_is_no_vocabulary_is_refused():
    with pytest.raises(ValueError, match="lacks 256 of them, the first <0x00>"):
        SentencePieceBPE({0: "a"}, [])
    with pytest.raises(ValueError, match="not all three are pieces"):
        SentencePieceBPE(dict(enumerate([*BYTES, "a"])), [("a", "a")])
    with pytest.raises(ValueError, match="not all three are pieces of characters"):
        SentencePieceBPE(dict(enumerate([*BYTES, "<0x00><0x01>"])), [("<0x00>", "<0x01>")])
    with pytest.raises(ValueError, match="ids that others have"):
        SentencePieceBPE(dict(enumerate(BYTES)), [], {"<s>": 7})
    with pytest.raises(ValueError, match="ids that others have"):
        SentencePieceBPE(dict(enumerate(BYTES)), [], whole={"<b>": 7})
    with pytest.raises(ValueError, match="264 is no id of this vocabulary"):
        by_hand().piece(264)


# Against `tokenizers`


def scrambled(merges):
    """In an order that no training gives: what a merge needs may come after it."""
    return [merges[i] for i in sorted(range(len(merges)), key=lambda i: i * 7919 % 101)]


def built(name, scramble=False):
    """Pieces learned from the samples, then put together like the published files."""
    normalizer, pre_tokenizer, last = CHAINS[name]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = Metaspace("▁", "always", split=name != "gemma2")
    trainer = BpeTrainer(vocab_size=500, limit_alphabet=150, show_progress=False)
    trained.train_from_iterator([*TEXTS.values()] * 2, trainer)
    learned = json.loads(trained.to_str())["model"]
    pieces = sorted(learned["vocab"], key=learned["vocab"].get)
    ids = dict.fromkeys([*SPECIAL, *BYTES, *WHOLE, "▁▁", "\n", *pieces])
    vocab = {piece: id for id, piece in enumerate(ids)}
    merges = [("\n", "\n"), ("▁", "▁"), ("▁▁", "▁")]  # Gemma merges what it cuts out, too
    merges += [(a, b) for a, b in learned["merges"] if (a, b) not in merges]
    merges = scrambled(merges) if scramble else merges
    theirs = Tokenizer(
        models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    if normalizer is not None:
        theirs.normalizer = normalizer
    if pre_tokenizer is not None:
        theirs.pre_tokenizer = pre_tokenizer
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *last]
    theirs.decoder = decoders.Sequence(steps)
    theirs.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL])
    theirs.add_tokens([AddedToken(token, normalized=False) for token in WHOLE])
    return theirs


@pytest.fixture(
    scope="module",
    params=[*((name, False) for name in CHAINS), ("gemma2", True), ("words", True)],
    ids=lambda param: param[0] + "-scrambled" * param[1],
)
def three(request, tmp_path_factory):
    """Theirs, ours read from their file, and theirs read from our file."""
    folder = tmp_path_factory.mktemp("pieces")
    theirs = built(*request.param)
    theirs.save(str(folder / "theirs.json"))
    ours = load_sentencepiece(folder / "theirs.json")
    save_sentencepiece(ours, folder / "ours.json")
    assert load_sentencepiece(folder / "ours.json") == ours
    return theirs, ours, Tokenizer.from_file(str(folder / "ours.json"))


def agree(theirs, ours, again, text):
    for whole in (text, f"<s>{text}</s> {text}\n\n{text}"):
        ids = theirs.encode(whole).ids
        assert ours.encode(whole, "all") == ids
        assert again.encode(whole).ids == ids
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=False)
        assert [ours.piece(id) for id in ids] == theirs.encode(whole).tokens


@settings(max_examples=60)
@given(text=any_text | tricky_text | spaces_and_marks)
def test_the_same_ids(three, text):
    agree(*three, text)


def test_the_same_ids_for_the_samples(three):
    for text in TEXTS.values():
        agree(*three, text)
    agree(*three, "ab" * 500 + " " * 500)  # one long word each


@settings(max_examples=60)
@given(ids=st.lists(st.integers(0, 300), max_size=12))
def test_the_same_text_for_any_ids(three, ids):
    theirs, ours, _ = three
    assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=False)


def test_the_text_comes_back(three):
    _, ours, _ = three
    for text in (text.replace("\n", "!") for text in TEXTS.values()):  # none of WHOLE
        leading = text.startswith(" ") and ours.prefix in ("unless", "first")
        back = text[1:] if leading else text
        assert ours.decode(ours.encode(text)) == back
        spelled = b"".join(map(ours.token_bytes, ours.encode(text))).decode()
        assert spelled == ours.spaced(text, first=True).replace("▁", " ")


def test_cutting_into_words_changes_nothing(three):
    """The obvious way: all of the text as one word."""
    _, ours, _ = three
    if ours.cuts_words:
        return
    for text in list(TEXTS.values())[:6]:
        spaced = ours.spaced(text, first=True)
        whole = merge_by_rank(ours.character_ids(spaced), ours.rules)
        assert [id for word in ours.words(spaced) for id in ours.encode_word(word)] == whole


# Files


def changed(path, *keys, value):
    content = json.loads(path.read_text(encoding="utf-8"))
    part = content
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["normalizer"], {"type": "NFKC"}, 'normalizer {"type": "NFKC"}'),
        (["pre_tokenizer"], {"type": "Whitespace"}, "pre_tokenizer"),
        (["pre_tokenizer", "replacement"], "_", "pre_tokenizer"),
        (["decoder"], {"type": "ByteLevel"}, "decoder"),
        (["model", "byte_fallback"], False, "byte_fallback false"),
        (["model", "type"], "Unigram", 'model.type "Unigram"'),
        (["model", "dropout"], 0.1, "dropout 0.1"),
        (["model", "ignore_merges"], True, "ignore_merges true"),
        (["truncation"], {"max_length": 3}, "truncation"),
        (["added_tokens", 0, "lstrip"], True, 'lstrip of the added token "<s>"'),
    ],
)
def test_what_would_change_ids_is_refused_by_name(tmp_path, keys, value, message):
    path = tmp_path / "tokenizer.json"
    save_sentencepiece(by_hand(prefix="first"), path)
    changed(path, *keys, value=value)
    with pytest.raises(ValueError, match=message):
        load_sentencepiece(path)


def test_a_token_that_is_looked_for_in_normalised_text_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    save_sentencepiece(by_hand(prefix="every"), path)
    changed(path, "added_tokens", 1, "normalized", value=True)
    with pytest.raises(ValueError, match='normalized of the added token "</s>"'):
        load_sentencepiece(path)


def test_merges_as_strings_and_spaces_as_older_files_have_them(tmp_path):
    path = tmp_path / "tokenizer.json"
    bpe = by_hand(prefix="unless", cuts_words=True)
    save_sentencepiece(bpe, path)
    changed(path, "model", "merges", value=["▁ a", "a b", "▁a b"])
    older = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}
    changed(path, "pre_tokenizer", value=older)
    assert load_sentencepiece(path) == bpe


def test_inner_pairs_are_those_of_all_pieces_that_merges_make():
    bpe = by_hand()
    made = [bpe.tokens[id] for id in (259, 260, 261)]
    assert bpe.inner_pairs == {a + b for piece in made for a, b in pairwise(piece)}
