from hypothesis import given
from hypothesis import strategies as st

from lib.tokenization.character import CharTokenizer


def test_ids_are_code_points():
    assert CharTokenizer().encode("aé🌍") == [97, 233, 127757]
    assert CharTokenizer().decode([97, 233, 127757]) == "aé🌍"


def test_every_code_point_has_an_id():
    assert CharTokenizer().vocab_size == 1_114_112
    assert CharTokenizer().encode("\U0010ffff") == [1_114_111]


def test_the_course_example_has_thirteen_tokens():
    assert len(CharTokenizer().encode("Hello, 🌍! 你好!")) == 13


def test_token_bytes_are_utf8():
    assert CharTokenizer().token_bytes(127757) == b"\xf0\x9f\x8c\x8d"


@given(st.text(st.characters(exclude_categories=[])))
def test_round_trip_even_of_half_characters(text):
    assert CharTokenizer().decode(CharTokenizer().encode(text)) == text
