"""The fast trainer against the readable one, Hugging Face's, and itself in parts."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import TEXTS
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lib.tokenization import chunks, fast_bpe
from lib.tokenization.bpe import BPE
from lib.tokenization.chunks import file_chunks
from lib.tokenization.fast_bpe import train_bpe
from lib.tokenization.pair_index import PairIndex
from lib.tokenization.pretokenize import PATTERNS, split_words

END = "<|endoftext|>"
REAL = ["\n".join(TEXTS.values()), train_bpe.__doc__ * 2, PairIndex.__doc__]


def texts(alphabet: str, **sizes: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.text(st.sampled_from(alphabet), **sizes), max_size=5)


def test_the_cat_in_the_hat():
    bpe = train_bpe(["the cat in the hat"], 259, pattern=None)
    assert bpe.merges == [(b"t", b"h"), (b"th", b"e"), (b"the", b" ")]


def test_overlapping_pairs_are_counted_and_merged_as_by_hand():
    # aaaa aaa: the pair aa stands in 3 + 2 places; merging leaves XX and Xa.
    bpe = train_bpe(["aaaa", "aaa"], 259, pattern=None)
    assert bpe.merges == [(b"a", b"a"), (b"aa", b"aa"), (b"aa", b"a")]


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k", None])
@given(documents=texts("aab bc", max_size=40) | texts("éa 你'\n1", max_size=30))
@settings(max_examples=40, deadline=None)
def test_merges_are_those_of_the_readable_version(pattern, documents):
    slow = BPE.train(documents, vocab_size=285, pattern=pattern, special=[END])
    assert train_bpe(documents, 285, pattern=pattern, special=[END]) == slow


@pytest.mark.parametrize("pattern", [*PATTERNS, r"\w+", None])
def test_real_text_too(pattern):
    slow = BPE.train(REAL, vocab_size=420, pattern=pattern)
    assert train_bpe(REAL, 420, pattern=pattern) == slow


def test_hugging_face_makes_the_same_merges_in_the_same_order():
    """Theirs compares ids; they follow the bytes if each is spelled as the character it numbers."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdeé\xe0 ", k=draw.randint(1, 9))) for _ in range(400)]
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Split("\n", "removed")
    alphabet = [chr(byte) for byte in range(256) if byte != 10]
    trainer = trainers.BpeTrainer(
        vocab_size=255 + 300, initial_alphabet=alphabet, show_progress=False
    )
    theirs.train_from_iterator(
        ["\n".join(word.encode().decode("latin-1") for word in words)], trainer
    )
    ours = train_bpe(words, 556, pattern=None, tie_break="smaller-id")
    spelled = {token.decode("latin-1") for token in ours.tokens.values()}
    assert spelled - {"\n"} == set(theirs.get_vocab())
    by_id = sorted(theirs.get_vocab(), key=theirs.get_vocab().get)[255:]
    assert by_id == [(left + right).decode("latin-1") for left, right in ours.merges]


def test_the_tie_breaks_differ_where_only_they_decide():
    assert train_bpe(["ab", "cd"], 257, pattern=None).merges == [(b"c", b"d")]
    assert train_bpe(["ab", "cd"], 257, pattern=None, tie_break="smaller-id").merges == [
        (b"a", b"b")
    ]
    # Of equally frequent ab+c and ab+cd the second is greater, of a+z and ab+c the second as well.
    words = ["ab"] * 5 + ["cd"] * 4 + ["abc", "abcd", "az"]
    assert train_bpe(words, 261, pattern=None).merges[2:] == [
        (b"ab", b"cd"),
        (b"ab", b"c"),
        (b"a", b"z"),
    ]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "corpus.txt"
    draw = random.Random(0)
    words = ["alpha", "beta,", "\r\n", "\n\n  ", "gamma", "été", "你好", "'s", END, "x1234"]
    text = " ".join(draw.choices(words, k=700))
    # Invalid everywhere: a cut character, a stray continuation byte, an encoded surrogate.
    path.write_bytes(
        text.encode().replace(b"alpha 's", b"\xe4\xbd al\x80pha \xed\xa0\x80's \xf0\x9f")
    )
    return path


@pytest.mark.parametrize("pattern", [*PATTERNS, None])
def test_chunks_of_a_file_hold_what_the_whole_holds(file, pattern):
    data = file.read_bytes()
    whole = data.decode("utf-8", "replace")
    assert "\ufffd" in whole and "\r\n" in whole
    for chunk_bytes in (1, 7, 100):
        parts = list(file_chunks(file, pattern, [END], chunk_bytes))
        assert [part.start for part in parts] == [0, *(part.end for part in parts[:-1])]
        assert "".join(part.read() for part in parts) == whole
        assert len(parts) > 10  # so the rest says something
        counted = [
            word
            for part in parts
            for text in part.read().split(END)
            for word in split_words(text, pattern)
        ]
        assert counted == [word for text in whole.split(END) for word in split_words(text, pattern)]


def test_the_number_of_processes_changes_nothing(file, monkeypatch):
    monkeypatch.setattr(fast_bpe, "TASK_BYTES", 400)
    text = file.read_bytes().decode("utf-8", "replace")
    slow = BPE.train(text, vocab_size=300, special=[END])
    assert len(list(file_chunks(file, "gpt2", [END], 400))) > 10
    for n_processes in (1, 2, 3):
        assert train_bpe(file, 300, special=[END], n_processes=n_processes) == slow
    assert train_bpe(str(file), 300, special=[END], progress=True) == slow
    assert train_bpe(text.split(END), 300, special=[END], n_processes=2) == slow


def test_texts_are_read_only_as_far_as_needed(monkeypatch):
    monkeypatch.setattr(fast_bpe, "TASK_BYTES", 10)
    taken = []

    def endless():
        for i in range(1000):
            taken.append(i)
            yield "ten bytes!"

    tasks = fast_bpe.batches(endless())
    results = fast_bpe.ordered_map(len, tasks, 2)
    next(results)
    assert len(taken) < 20
    results.close()


def test_one_long_word_takes_linear_time():
    """Four times the letters: four times the seconds, and not sixteen times."""
    letters = "".join(random.Random(0).choices("etaoinshrdlu", k=80_000))
    seconds = {20_000: 1e9, 80_000: 1e9}
    for _ in range(3):
        for n in seconds:
            start = time.process_time()
            train_bpe([letters[:n]], 300, pattern=None)
            seconds[n] = min(seconds[n], time.process_time() - start)
    assert seconds[80_000] < 8 * seconds[20_000]


def test_nothing_to_learn(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    for source in ([], [""], ["a"], tmp_path / "empty"):
        assert train_bpe(source, 300, special=[END]) == BPE.train([], vocab_size=300, special=[END])
    assert train_bpe(["abab"], 99999).merges == [(b"a", b"b"), (b"ab", b"ab")]


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="at least 257"):
        train_bpe(["text"], 256, special=[END])
    with pytest.raises(FileNotFoundError, match=r"train_bpe\(\[text\]"):
        train_bpe("a text, not a path", 300)
    with pytest.raises(ValueError, match="n_processes is 0"):
        train_bpe(["text"], 300, n_processes=0)
    with pytest.raises(ValueError, match="lone surrogate"):
        train_bpe(["\ud800"], 300)


def test_a_cut_character_at_the_end_of_what_was_read_is_left_to_the_next_chunk():
    # The newline and the wide space after it are one piece, but this is two thirds of the space.
    assert chunks._safe_bytes("a b\n\u3000".encode()[:-1], "gpt2", ()) == 1
