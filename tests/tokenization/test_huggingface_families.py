"""The chains of published byte-level tokenizers, built and trained with `tokenizers` itself."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import TEXTS, any_text, tricky_text
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split
from tokenizers.trainers import BpeTrainer
from transformers import Qwen2TokenizerFast

from lib.tokenization import own_json
from lib.tokenization.bpe import BPE
from lib.tokenization.fast_encode import FastEncoder
from lib.tokenization.huggingface_json import (
    LLAMA3,
    QWEN,
    SINGLE_DIGITS,
    load_huggingface,
    save_huggingface,
)
from lib.tokenization.pretokenize import split_words
from lib.tokenization.token_files import tokenizer_sha256

SPECIAL = ["<|im_start|>", "<|im_end|>"]
BYTES = ByteLevel(add_prefix_space=False, use_regex=False)
CHAINS = {  # normalizer, pre_tokenizer, our pattern
    "llama 3": (None, Sequence([Split(Regex(LLAMA3), "isolated"), BYTES]), LLAMA3),
    "qwen": (normalizers.NFC(), Sequence([Split(Regex(QWEN), "isolated"), BYTES]), QWEN),
    "smollm 2": (
        None,
        Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]),
        SINGLE_DIGITS,
    ),
    "olmo 2": (None, Sequence([Split(Regex(LLAMA3), "removed", invert=True), BYTES]), LLAMA3),
}

# What decides: digits and the white space before them, accents in both spellings, line ends.
close_calls = st.text(
    st.sampled_from(" \n\t1\u0967½²a's!e\u0301é\u1e69s\u0323\u0307\u212b<>|"), max_size=20
)


def trained(name):
    theirs = Tokenizer(models.BPE())
    theirs.normalizer, theirs.pre_tokenizer, _ = CHAINS[name]
    theirs.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(vocab_size=600, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    theirs.train_from_iterator(TEXTS.values(), trainer)
    theirs.add_tokens([AddedToken(token, normalized=False) for token in SPECIAL])
    return theirs


@pytest.fixture(scope="module", params=CHAINS, ids=lambda name: name.replace(" ", ""))
def four(request, tmp_path_factory):
    """Theirs, ours read from their file, its fast twin, and theirs read from our file."""
    folder = tmp_path_factory.mktemp("family")
    theirs = trained(request.param)
    theirs.save(str(folder / "theirs.json"))
    ours = load_huggingface(folder / "theirs.json")
    assert ours.pattern == CHAINS[request.param][2]
    save_huggingface(ours, folder / "ours.json")
    assert load_huggingface(folder / "ours.json") == ours
    return theirs, ours, FastEncoder(ours), Tokenizer.from_file(str(folder / "ours.json"))


def agree(theirs, ours, fast, again, text):
    for whole in (text, f"{text}<|im_start|>{text}<|im_end|>"):
        ids = theirs.encode(whole).ids
        assert ours.encode(whole, "all") == ids
        assert fast.encode(whole, "all") == ids
        assert again.encode(whole).ids == ids
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=False)


@settings(max_examples=60)
@given(text=any_text | tricky_text | close_calls)
def test_the_same_ids(four, text):
    agree(*four, text)


def test_the_same_ids_for_the_samples(four):
    for text in TEXTS.values():
        agree(*four, text)


def test_digits_stand_alone():
    words = ["  ", "1", "2", " a", "1", "'s", " "]
    assert list(split_words("".join(words), SINGLE_DIGITS)) == words


# NFC


def test_two_spellings_get_the_same_ids(tmp_path):
    bpe = BPE.train("é", n_merges=1)
    bpe.normal_form = "NFC"
    assert bpe.encode("e\u0301") == bpe.encode("é") == [256]
    assert bpe.decode(bpe.encode("e\u0301")) == "é"
    with pytest.raises(ValueError, match="another spelling of this text, its NFC form"):
        bpe.offsets("e\u0301")
    assert bpe.offsets("é") == [(0, 1)]
    own_json.save(bpe, tmp_path / "own.json")
    assert own_json.load(tmp_path / "own.json") == bpe
    assert list(bpe.encode_iterable(["e", "\u0301"])) == [256]


def test_a_special_token_is_cut_out_before_the_text_is_normalised():
    """The last sign of the token and the stroke that follows would be one character."""
    assert unicodedata.normalize("NFC", "|>\u0338") == "|\u226f"
    bpe = BPE.train("", n_merges=0, special=["<|x|>"])
    bpe.normal_form = "NFC"
    assert bpe.encode("<|x|>\u0338", "all") == [256, *"\u0338".encode()]


def test_files_of_ids_know_the_normal_form():
    bpe = BPE.train("", n_merges=0)
    before = tokenizer_sha256(bpe)
    bpe.normal_form = "NFC"
    assert tokenizer_sha256(bpe) != before


def test_a_token_that_is_looked_for_in_normalised_text_is_refused(tmp_path):
    theirs = Tokenizer(models.BPE())
    theirs.normalizer, theirs.pre_tokenizer = normalizers.NFC(), BYTES
    theirs.add_tokens([AddedToken("<x>", normalized=True)])
    theirs.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match='NFC before the added token "<x>"'):
        load_huggingface(tmp_path / "tokenizer.json")


def test_what_transformers_saves_for_qwen(tmp_path):
    theirs = Qwen2TokenizerFast(tokenizer_object=trained("qwen"), eos_token="<|im_end|>")
    theirs.save_pretrained(tmp_path)
    ours = load_huggingface(tmp_path / "tokenizer.json")
    for text in TEXTS.values():
        assert ours.encode(text, "all") == theirs.encode(text)
