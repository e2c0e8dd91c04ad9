import pytest
from hypothesis import given
from sample_texts import any_text

from lib.tokenization.byte import ByteTokenizer


def test_ids_are_the_bytes_of_utf8():
    assert ByteTokenizer().encode("a🌍") == [97, 0xF0, 0x9F, 0x8C, 0x8D]
    assert len(ByteTokenizer().encode("Hello, 🌍! 你好!")) == 20


def test_malformed_bytes_become_replacement_characters():
    assert ByteTokenizer().decode([97, 0xF0, 0x9F, 98, 0xFF]) == "a\ufffdb\ufffd"


def test_an_id_above_255_is_no_byte():
    with pytest.raises(ValueError):
        ByteTokenizer().decode([256])


@given(any_text)
def test_round_trip(text):
    assert ByteTokenizer().decode(ByteTokenizer().encode(text)) == text
