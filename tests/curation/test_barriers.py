"""Steps that have seen all records: decisions by hand, and in blocks as without blocks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_records import flawed, prose

from lib.curation.barriers import Exact, Mix, Near
from lib.curation.exact import first_of_each
from lib.curation.near_duplicates import NearDuplicates
from lib.curation.records import Record


def decide(barrier, records, cuts=()):
    edges = [0, *cuts, len(records)]
    return barrier.decide(barrier.summarise(records[a:b]) for a, b in pairwise(edges) if a < b)


def texts(*found):
    return [Record(str(i), text, text[:1]) for i, text in enumerate(found)]


def test_the_first_of_equal_texts_stays():
    copies, instead = decide(Exact(), texts("b", "a", "b", "c", "a", "b"), cuts=(2, 3))
    assert copies.tolist() == [1, 1, 0, 1, 0, 0]
    assert instead.tolist() == [-1, -1, 0, -1, 1, 0]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=30), st.integers(0, 30))
@settings(deadline=None, max_examples=50)
def test_exact_is_what_exact_says(letters, cut):
    copies, _ = decide(Exact(), texts(*letters), cuts=(min(cut, len(letters)),))
    assert copies.astype(bool).tolist() == list(first_of_each(letters))


def test_near_is_what_near_duplicates_says():
    records = [record for record in flawed() if record.text]
    copies, instead = decide(Near(), records, cuts=(7, 26, 27))
    with NearDuplicates() as finder:
        finder.add(record.text for record in records)
        assert set(np.flatnonzero(copies == 0).tolist()) == finder.duplicates()
    pairs = [(records[i].id, records[instead[i]].id) for i in np.flatnonzero(copies == 0)]
    assert pairs == [("copy-of-3", "good-3"), ("near-20", "long-20")]


def test_nothing_at_all():
    for barrier in (Exact(), Near()):
        assert len(decide(barrier, []).copies) == 0


def sized(**sources):
    """Texts of one byte each: so many of each source."""
    return [
        Record(f"{name}{i}", "x", name) for name, count in sources.items() for i in range(count)
    ]


def test_rates_by_hand():
    """1000 bytes of a and 100 of b, half and half: all of b, a tenth of a."""
    assert Mix({"a": 1, "b": 1}).rates([1000, 100]) == [0.1, 1.0]
    assert Mix({"a": 3, "b": 1}, total_bytes=800).rates([1000, 100]) == [0.6, 2.0]
    assert Mix({"a": 1, "b": 1}, total_bytes=2000, most_epochs=4).rates([1000, 100]) == [1.0, 4]


def test_mixtures_take_what_they_should():
    records = sized(a=4000, b=400, c=10)
    copies, instead = decide(Mix({"a": 1, "b": 1}), records, cuts=(1, 3000))
    assert copies[4000:4400].tolist() == [1] * 400 and set(copies[4400:]) == {0}
    # 400 of 4000 expected; their standard deviation is 19
    assert abs(copies[:4000].sum() - 400) < 4 * 19 and set(copies[:4000]) == {0, 1}
    assert set(instead) == {-1}
    again = decide(Mix({"a": 1, "b": 1}, seed=1), records)
    assert (again.copies[:4000] != copies[:4000]).any()

    many = decide(Mix({"b": 1}, total_bytes=1000), records).copies[4000:4400]
    assert set(many) == {2, 3} and abs(many.sum() - 1000) < 4 * 10


def test_mixtures_of_what_is_not_there():
    with pytest.raises(ValueError, match="Give every source its share"):
        Mix({})
    with pytest.raises(ValueError, match="'books', and no record"):
        decide(Mix({"books": 1, "a": 1}), sized(a=3))


def test_near_parameters_are_checked_at_once():
    with pytest.raises(ValueError, match="shares"):
        Near(similarity=1.5)


def test_a_text_of_no_words_is_nobodys_duplicate():
    assert decide(Near(), texts("...", "...", prose(1))).copies.tolist() == [1, 1, 1]
