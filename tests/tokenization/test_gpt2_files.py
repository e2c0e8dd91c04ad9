import json

import pytest
from hypothesis import given, settings
from sample_texts import TEXTS, any_text, tricky_text
from tiktoken.load import data_gym_to_mergeable_bpe_ranks
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import GPT2TokenizerFast

from lib.tokenization.bpe import BPE
from lib.tokenization.byte_alphabet import BYTE_OF
from lib.tokenization.gpt2_files import load_gpt2, read_merge, save_gpt2


@pytest.fixture(scope="module")
def ours():
    return BPE.train(TEXTS.values(), n_merges=300, special=["<|endoftext|>"])


@pytest.fixture(scope="module")
def files(ours, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    save_gpt2(ours, folder / "vocab.json", folder / "merges.txt")
    return str(folder / "vocab.json"), str(folder / "merges.txt")


def test_the_files_by_hand(tmp_path):
    bpe = BPE.train("# # # # ", n_merges=2, pattern=None, special=["<|endoftext|>"])
    save_gpt2(bpe, tmp_path / "vocab.json", tmp_path / "merges.txt")
    lines = (tmp_path / "merges.txt").read_text(encoding="utf-8").split("\n")
    assert lines == ["#version: 0.2", "# Ġ", "#Ġ #Ġ", ""]
    vocabulary = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    assert (vocabulary["Ġ"], vocabulary["#Ġ"], vocabulary["<|endoftext|>"]) == (32, 256, 258)


def test_everything_comes_back(ours, files):
    assert load_gpt2(*files) == ours


def test_a_merge_that_looks_like_a_comment(tmp_path):
    bpe = BPE.train("####", n_merges=2)
    save_gpt2(bpe, tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert load_gpt2(tmp_path / "vocab.json", tmp_path / "merges.txt").merges == bpe.merges


@pytest.mark.parametrize("line", ["a", "a b c", " b", "a "])
def test_a_malformed_merge_is_named(line):
    with pytest.raises(ValueError, match="two tokens with one space"):
        read_merge(line)


@pytest.fixture(scope="module")
def theirs(files):
    return GPT2TokenizerFast(vocab=files[0], merges=files[1])


@settings(max_examples=40)
@given(any_text | tricky_text)
def test_transformers_reads_our_files_to_the_same_ids(ours, theirs, text):
    assert theirs.encode(text) == ours.encode(text)


def test_tiktoken_reads_our_files(ours, files, tmp_path):
    # Its reader expects the one special token last, and the ids in the order of the alphabet.
    bpe = _in_gpt2_order(ours)
    vocab, merges = str(tmp_path / "encoder.json"), str(tmp_path / "vocab.bpe")
    save_gpt2(bpe, vocab, merges)
    ranks = data_gym_to_mergeable_bpe_ranks(vocab_bpe_file=merges, encoder_json_file=vocab)
    assert ranks == {token: id for id, token in bpe.tokens.items()}
    assert load_gpt2(vocab, merges) == bpe


def _in_gpt2_order(bpe):
    """The same vocabulary with GPT-2's ids for bytes: the visible ones first."""
    tokens = {id: bytes([byte]) for id, byte in enumerate(BYTE_OF.values())}
    tokens |= {id: token for id, token in bpe.tokens.items() if id >= 256}
    return BPE(tokens, bpe.merges, bpe.special)


@pytest.fixture(scope="module")
def trained_by_them(tmp_path_factory):
    """What GPT2TokenizerFast saves, of a vocabulary that `tokenizers` trained."""
    folder = tmp_path_factory.mktemp("theirs")
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        initial_alphabet=alphabet,
        special_tokens=["<|endoftext|>"],
        show_progress=False,
    )
    backend.train_from_iterator(TEXTS.values(), trainer)
    tokenizer = GPT2TokenizerFast(tokenizer_object=backend)
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.model.save(str(folder))
    return tokenizer, folder


@settings(max_examples=40)
@given(any_text | tricky_text)
def test_we_read_their_files_to_the_same_ids(trained_by_them, text):
    tokenizer, folder = trained_by_them
    bpe = _load_once(folder)
    assert bpe.special == {"<|endoftext|>": 0}
    assert bpe.vocab_size == 500
    assert bpe.encode(text) == tokenizer.encode(text)
    assert bpe.decode(bpe.encode(text)) == text


_loaded = {}


def _load_once(folder):
    if folder not in _loaded:
        _loaded[folder] = load_gpt2(folder / "vocab.json", folder / "merges.txt")
    return _loaded[folder]
