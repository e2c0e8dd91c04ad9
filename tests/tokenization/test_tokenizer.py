import pytest

from lib.tokenization.bpe import BPE
from lib.tokenization.byte import ByteTokenizer
from lib.tokenization.character import CharTokenizer
from lib.tokenization.tokenizer import Tokenizer, compression_ratio
from lib.tokenization.word import WordTokenizer


def test_bytes_per_token_counts_bytes_of_utf8():
    assert compression_ratio("é!", [1, 2]) == 3 / 2
    assert compression_ratio("Hello, 🌍! 你好!", range(12)) == 20 / 12


def test_no_tokens_have_no_ratio():
    with pytest.raises(ValueError, match="at least one token"):
        compression_ratio("", [])


@pytest.mark.parametrize(
    "tokenizer",
    [CharTokenizer(), ByteTokenizer(), WordTokenizer(["a"]), BPE.train("aaa", n_merges=1)],
    ids=lambda tokenizer: type(tokenizer).__name__,
)
def test_every_tokenizer_keeps_the_protocol(tokenizer):
    assert isinstance(tokenizer, Tokenizer)
    ids = tokenizer.encode("a")
    assert tokenizer.decode(iter(ids)) == "a"  # any iterable
    assert b"".join(map(tokenizer.token_bytes, ids)) == b"a"
    assert all(0 <= id < tokenizer.vocab_size for id in ids)
