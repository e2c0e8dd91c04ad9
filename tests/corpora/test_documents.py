"""What every corpus promises: a stable split, exact sizes, views that read through."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.corpora.documents import Corpus, Document, Size, hash_position, side


class Numbers(Corpus):
    """Documents of 3 bytes each, or 4 where the text has an umlaut."""

    name, licence = "numbers", "none"

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        for i in range(self.n):
            yield Document(f"n{i}", f"ä{i % 10}é"[: 3 if i % 2 else 2], "counting")


def ids(corpus):
    return [document.id for document in corpus]


def test_size_counts_bytes_and_not_characters():
    # even: "ä0" is 3 bytes; odd: "ä1é" is 5
    assert Numbers(3).size() == Size(documents=3, bytes=3 + 5 + 3)


def test_a_position_is_the_first_48_bits_of_sha256():
    digest = hashlib.sha256(b"split\0abc").hexdigest()
    assert hash_position("abc", "split") == int(digest[:12], 16) / 2**48


def test_the_split_loses_nothing_and_doubles_nothing():
    corpus = Numbers(2000)
    train, valid = ids(corpus.split("train")), ids(corpus.split("valid"))
    assert not set(train) & set(valid)
    assert sorted(train + valid) == sorted(ids(corpus))
    assert (
        abs(len(valid) / 2000 - 0.05) < 4 * (0.05 * 0.95 / 2000) ** 0.5
    )  # four standard deviations


def test_a_document_never_changes_sides():
    small, large = Numbers(100), Numbers(1000)
    assert ids(small.split("valid")) == [i for i in ids(large.split("valid")) if int(i[1:]) < 100]
    assert side("n7") == side("n7") == "train"


def test_an_unknown_part_is_explained():
    with pytest.raises(ValueError, match="'train' and 'valid'"):
        Numbers(1).split("test")


@pytest.mark.parametrize(
    ("max_bytes", "n"), [(0, 0), (2, 0), (3, 1), (7, 1), (8, 2), (11, 3), (99, 4)]
)
def test_take_gives_whole_documents_from_the_start(max_bytes, n):
    assert ids(Numbers(4).take(max_bytes)) == ids(Numbers(4))[:n]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 200), st.integers(0, 200))
def test_a_sample_fits_and_a_smaller_one_is_part_of_it(a, b):
    corpus = Numbers(40)
    small, large = corpus.sample(min(a, b)), corpus.sample(max(a, b))
    assert small.size().bytes <= min(a, b)
    assert set(ids(small)) <= set(ids(large))
    assert ids(large) == [i for i in ids(corpus) if i in set(ids(large))]  # in the corpus's order
    assert large.size().bytes > min(max(a, b), corpus.size().bytes) - 5 - 1  # and nearly full


def test_a_sample_is_from_everywhere():
    chosen = [int(i[1:]) for i in ids(Numbers(1000).sample(400))]
    assert min(chosen) < 100
    assert max(chosen) > 900


def test_views_are_corpora_again():
    both = Numbers(1000).split("train").sample(200).take(100)
    assert 80 < both.size().bytes <= 100
    assert both.name == "numbers/train/sample/beginning"


def test_text_is_written_with_a_separator_after_every_document(tmp_path):
    path = tmp_path / "new folder" / "text.txt"
    assert Numbers(2).write_text(path, separator="\n--\n") == Size(2, 8)
    assert path.read_bytes() == "ä0\n--\nä1é\n--\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["text.txt"]


class Forger(Numbers):
    def __iter__(self):
        yield Document("f", "one<|endoftext|>still one", "")


def test_a_text_cannot_forge_a_separator(tmp_path):
    Forger(1).write_text(tmp_path / "t.txt")
    text = (tmp_path / "t.txt").read_text(encoding="utf-8")
    assert text == "one< |endoftext|>still one<|endoftext|>"


class Dying(Numbers):
    def __iter__(self):
        yield Document("d", "half", "")
        raise RuntimeError("died half-way")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "t.txt"
    Numbers(1).write_text(path, separator="|")
    with pytest.raises(RuntimeError, match="half-way"):
        Dying(1).write_text(path)
    assert path.read_text(encoding="utf-8") == "ä0|"
    assert [p.name for p in tmp_path.iterdir()] == ["t.txt"]


def test_an_empty_separator_is_explained(tmp_path):
    with pytest.raises(ValueError, match="keep documents apart"):
        Numbers(1).write_text(tmp_path / "t.txt", separator="")
