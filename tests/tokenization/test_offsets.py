from hypothesis import given
from sample_texts import TEXTS, any_text

from lib.tokenization.bpe import BPE
from lib.tokenization.offsets import character_offsets


def test_offsets_count_characters():
    assert character_offsets("aéb", [b"a", "é".encode(), b"b"]) == [(0, 1), (1, 2), (2, 3)]


def test_a_character_split_over_tokens_is_covered_by_both():
    # 🌍 is f0 9f 8c 8d; the second token ends it and goes on.
    assert character_offsets("a🌍b", [b"a\xf0\x9f", b"\x8c\x8db"]) == [(0, 2), (1, 3)]


def test_a_character_split_over_many_tokens():
    assert character_offsets("🌍!", [b"\xf0", b"\x9f", b"\x8c\x8d", b"!"]) == [(0, 1)] * 3 + [
        (1, 2)
    ]


def test_offsets_of_special_tokens():
    bpe = BPE.train("aa", n_merges=1, special=["<x>"])
    assert bpe.offsets("aa<x>é", allowed_special="all") == [(0, 2), (2, 5), (5, 6), (5, 6)]


@given(any_text)
def test_every_token_lies_in_the_characters_it_covers(text):
    bpe = _BPE
    ids = bpe.encode(text)
    offsets = bpe.offsets(text)
    assert len(offsets) == len(ids)
    assert sorted({i for start, end in offsets for i in range(start, end)}) == [*range(len(text))]
    for id, (start, end) in zip(ids, offsets):
        assert bpe.token_bytes(id) in text[start:end].encode()
        if end - start > 1:  # not one character too many, on either side
            assert bpe.token_bytes(id) not in text[start + 1 : end].encode()
            assert bpe.token_bytes(id) not in text[start : end - 1].encode()


_BPE = BPE.train(TEXTS.values(), n_merges=60)
