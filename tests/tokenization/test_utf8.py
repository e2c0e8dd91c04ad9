import pytest

from lib.tokenization.bpe import BPE
from lib.tokenization.byte import ByteTokenizer
from lib.tokenization.utf8 import from_utf8, to_utf8


def test_one_to_four_bytes():
    assert [len(to_utf8(character)) for character in "aé你🌍"] == [1, 2, 3, 4]


def test_half_a_character_is_an_error_that_says_how_to_repair_it():
    broken = "ab\ud83dcd"
    with pytest.raises(ValueError, match=r"'\\ud83d' in 'ab\\ud83dcd' is half") as error:
        to_utf8(broken)
    repair = str(error.value).split("with ")[1].rstrip(".")
    assert eval(repair, {"text": broken}) == "ab\ufffdcd"
    assert eval(repair, {"text": "\ud83c\udf0d"}) == "🌍"


@pytest.mark.parametrize("tokenizer", [ByteTokenizer(), BPE.train("", n_merges=0)])
def test_no_tokenizer_over_bytes_changes_such_text_silently(tokenizer):
    with pytest.raises(ValueError, match="lone surrogate"):
        tokenizer.encode("\ud800")


def test_each_malformed_stretch_is_marked():
    assert from_utf8(b"\xe4\xbd\xa0") == "你"
    assert from_utf8(b"a\xe4\xbdb\x80") == "a\ufffdb\ufffd"
    assert (
        from_utf8(b"\xed\xa0\x80") == "\ufffd" * 3
    )  # a surrogate spelled in bytes is malformed too
