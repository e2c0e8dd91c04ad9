import json

import pytest
from hypothesis import given, settings
from sample_texts import TEXTS, any_text, tricky_text
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2TokenizerFast

from lib.tokenization.bpe import BPE
from lib.tokenization.huggingface_json import load_huggingface, save_huggingface
from lib.tokenization.pretokenize import PATTERNS

SPECIAL = ["<|end|>", "<|x|>", "<|end|><|x|>"]
OWN = r"\p{L}+|[^\p{L}]"  # what a reader may bring
NAMES = [*sorted(PATTERNS), None, OWN]


def _byte_level(**options):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, **options)


def _train(pattern):
    """A vocabulary trained by `tokenizers`, with its own ids: special tokens first."""
    tokenizer = Tokenizer(models.BPE())
    if pattern in ("gpt2", None):
        tokenizer.pre_tokenizer = _byte_level(use_regex=pattern == "gpt2")
    else:
        split = pre_tokenizers.Split(Regex(PATTERNS.get(pattern, pattern)), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, _byte_level(use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + 300,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=SPECIAL,
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS.values(), trainer)
    return tokenizer


@pytest.fixture(scope="module", params=NAMES, ids=["cl100k", "gpt2", "o200k", "none", "own"])
def theirs_then_ours(request, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("hf") / "tokenizer.json")
    theirs = _train(request.param)
    theirs.save(path)
    ours = load_huggingface(path)
    assert ours.pattern == request.param
    return theirs, ours


@pytest.fixture(scope="module", params=NAMES, ids=["cl100k", "gpt2", "o200k", "none", "own"])
def ours_then_theirs(request, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("hf") / "tokenizer.json")
    ours = BPE.train(TEXTS.values(), n_merges=300, pattern=request.param, special=SPECIAL)
    save_huggingface(ours, path)
    assert load_huggingface(path) == ours
    return Tokenizer.from_file(path), ours


def _agree(theirs, ours, text):
    for whole in (text, text + "<|end|><|end|><|x|>" + text):
        ids = theirs.encode(whole).ids
        assert ours.encode(whole, allowed_special="all") == ids
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=False) == whole


@settings(max_examples=40)
@given(text=any_text | tricky_text)
def test_the_same_ids_from_their_file(theirs_then_ours, text):
    _agree(*theirs_then_ours, text)


@settings(max_examples=40)
@given(text=any_text | tricky_text)
def test_the_same_ids_from_our_file(ours_then_theirs, text):
    _agree(*ours_then_theirs, text)


def test_the_same_ids_for_the_samples_from_their_file(theirs_then_ours):
    for text in TEXTS.values():
        _agree(*theirs_then_ours, text)


def test_the_same_ids_for_the_samples_from_our_file(ours_then_theirs):
    for text in TEXTS.values():
        _agree(*ours_then_theirs, text)


def test_merges_as_strings_as_older_versions_wrote_them(tmp_path):
    path = tmp_path / "tokenizer.json"
    ours = BPE.train(TEXTS.values(), n_merges=100)
    save_huggingface(ours, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert load_huggingface(path) == ours
    assert Tokenizer.from_file(str(path)).encode("the e").ids == ours.encode("the e")


@pytest.mark.parametrize("whole", [False, True])
def test_ignore_merges(tmp_path, whole):
    path = str(tmp_path / "tokenizer.json")
    tokens = {byte: bytes([byte]) for byte in range(256)} | {256: b"ab", 257: b"abc"}
    ours = BPE(tokens, [(b"a", b"b")], ignore_merges=whole)
    save_huggingface(ours, path)
    expected = [257] if whole else [256, 99]
    assert load_huggingface(path).encode("abc") == expected
    assert Tokenizer.from_file(path).encode("abc").ids == expected


def test_special_ids_with_gaps_keep_their_numbers(tmp_path):
    path = str(tmp_path / "tokenizer.json")
    ours = BPE({byte: bytes([byte]) for byte in range(256)}, [], {"<x>": 999, "<y>": 300})
    save_huggingface(ours, path)
    assert Tokenizer.from_file(path).encode("<y>a<x>").ids == [300, 97, 999]
    assert load_huggingface(path) == ours


def test_what_transformers_saves(tmp_path):
    theirs = GPT2TokenizerFast(tokenizer_object=_train("gpt2"), eos_token="<|end|>")
    theirs.save_pretrained(tmp_path)
    ours = load_huggingface(tmp_path / "tokenizer.json")
    for text in TEXTS.values():
        assert ours.encode(text, "all") == theirs.encode(text)


def _change(path, value):
    def change(content):
        *parents, last = path
        for key in parents:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change(["normalizer"], {"type": "NFKC"}), 'normalizer {"type": "NFKC"}'),
        (_change(["truncation"], {"max_length": 5}), "truncation"),
        (_change(["model", "type"], "Unigram"), 'model.type "Unigram"'),
        (_change(["model", "byte_fallback"], True), "model.byte_fallback true"),
        (_change(["model", "end_of_word_suffix"], "</w>"), 'end_of_word_suffix "</w>"'),
        (_change(["model", "dropout"], 0.1), "model.dropout 0.1"),
        (_change(["decoder"], {"type": "Metaspace"}), "decoder"),
        (_change(["pre_tokenizer"], None), "pre_tokenizer null"),
        (_change(["pre_tokenizer"], {"type": "Whitespace"}), "Whitespace"),
        (_change(["pre_tokenizer", "add_prefix_space"], True), '"add_prefix_space": true'),
        (_change(["added_tokens", 0, "lstrip"], True), 'lstrip of the added token "<x>"'),
    ],
)
def test_what_would_change_ids_is_refused_by_name(tmp_path, change, message):
    path = tmp_path / "tokenizer.json"
    save_huggingface(BPE.train("", n_merges=0, special=["<x>"]), path)
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_huggingface(path)


def test_a_special_token_that_text_can_forge_is_refused(tmp_path):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _byte_level()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        special_tokens=["ab"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(["abc"] * 9, trainer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match='text can be merged to, "ab"'):
        load_huggingface(tmp_path / "tokenizer.json")


SPLIT = {"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Isolated", "invert": False}
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


@pytest.mark.parametrize(
    "parts",
    [
        [SPLIT],
        [SPLIT, SPLIT, LEVEL],
        [SPLIT, {**LEVEL, "use_regex": True}],
        [{**SPLIT, "behavior": "Removed"}, LEVEL],
        [{**SPLIT, "invert": True}, LEVEL],
        [{**SPLIT, "pattern": {"String": "a"}}, LEVEL],
        [{"type": "Digits", "individual_digits": True}, LEVEL],
    ],
)
def test_other_chains_of_pre_tokenizers_are_refused(tmp_path, parts):
    path = tmp_path / "tokenizer.json"
    save_huggingface(BPE.train("", n_merges=0), path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": parts}
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="has the pre_tokenizer"):
        load_huggingface(path)


def test_a_vocabulary_without_all_bytes_is_refused(tmp_path):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _byte_level()
    tokenizer.add_tokens([AddedToken("<x>")])
    tokenizer.train_from_iterator(["abc"], trainers.BpeTrainer(show_progress=False))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match="lacks 253 of them"):
        load_huggingface(tmp_path / "tokenizer.json")
