import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.pre_tokenizers import ByteLevel

from lib.tokenization.byte_alphabet import BYTE_OF, CHARACTER_OF, spell, spell_vocabulary, unspell


def test_visible_characters_stand_for_themselves():
    assert spell(b"abc!~") == "abc!~"
    assert spell("é".encode()) == "\xc3\xa9"


def test_the_others_move_up_in_order():
    assert spell(b" the\n") == "ĠtheĊ"
    assert [CHARACTER_OF[byte] for byte in (0, 0x20, 0x7F, 0xA0, 0xAD)] == list("ĀĠġłŃ")


def test_it_is_the_alphabet_that_tokenizers_uses():
    assert sorted(BYTE_OF) == sorted(ByteLevel.alphabet())
    for byte in range(128):
        ((theirs, _),) = ByteLevel(add_prefix_space=False).pre_tokenize_str(chr(byte))
        assert spell(bytes([byte])) == theirs


@given(st.binary())
def test_every_byte_string_round_trips(token):
    assert unspell(spell(token)) == token


def test_other_characters_are_named():
    with pytest.raises(ValueError, match="'▁' in '▁the' is none of them"):
        unspell("▁the")


def test_a_special_token_spelled_like_another_is_an_error():
    assert spell_vocabulary({1: b" ", 0: b"a"}, {" ": 2}) == {"a": 0, "Ġ": 1, " ": 2}
    with pytest.raises(ValueError, match=r"\['Ġ'\] would be spelled like ordinary ones"):
        spell_vocabulary({1: b" "}, {"Ġ": 2})
