"""Wrong answers to part 1, files and experiments."""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from reference import tokenization as right
from wrong_answers import wrong
from wrong_tokenization import answered


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_tokenizer_from_files = planted("tokenization.tokenizer_from_files", "test_tokenizer.py")
wrong_tokenizer = planted("tokenization.tokenizer", "test_tokenizer.py")
wrong_bytes_per_token = planted("tokenization.bytes_per_token", "test_token_files.py")
wrong_write_ids = planted("tokenization.write_ids", "test_token_files.py")
wrong_runs_folder = planted("tokenization.runs_folder", "test_tokenizer_runs.py")
wrong_answer = planted("answers.read_answers", "test_tokenizer_runs.py")

BYTES = [bytes([byte]) for byte in range(256)]

# Files


@wrong_tokenizer_from_files("test_gpt2_files_are_read")
def spelling_taken_as_utf_8(vocab_path, merges_path, special_tokens=None):
    """Ġ stays a letter of two bytes."""
    spelled = json.loads(Path(vocab_path).read_text(encoding="utf-8"))
    lines = Path(merges_path).read_text(encoding="utf-8").splitlines()[1:]
    merges = [tuple(part.encode() for part in line.split()) for line in lines]
    vocab = {id: text.encode() for text, id in spelled.items()}
    vocab |= {max(vocab) + 1 + i: token for i, token in enumerate(BYTES[127:])}
    vocab |= {max(vocab) + 1 + i: token for i, token in enumerate(BYTES[:33])}
    return right.Tokenizer(vocab, merges, special_tokens)


@wrong_tokenizer_from_files("test_gpt2_files_are_read")
def merges_of_signs_taken_for_comments(vocab_path, merges_path, special_tokens=None):
    whole = right.tokenizer_from_files(vocab_path, merges_path, special_tokens)
    merges = [pair for pair in whole.bpe.merges if not pair[0].startswith(b"#")]
    return right.Tokenizer(whole.vocab, merges, special_tokens)


@wrong_tokenizer_from_files("test_special_tokens_that_the_files_lack_are_added")
def special_tokens_of_the_files_only(vocab_path, merges_path, special_tokens=None):
    spelled = json.loads(Path(vocab_path).read_text(encoding="utf-8"))
    known = [token for token in special_tokens or () if token in spelled]
    return right.tokenizer_from_files(vocab_path, merges_path, known)


class SavesSorted(right.Tokenizer):
    def save(self, vocab_path, merges_path):
        super().save(vocab_path, merges_path)
        first, *lines = Path(merges_path).read_text(encoding="utf-8").split("\n")
        text = "\n".join([first, *sorted(filter(None, lines)), ""])
        Path(merges_path).write_text(text, encoding="utf-8")


class SavesLatin1(right.Tokenizer):
    def save(self, vocab_path, merges_path):
        super().save(vocab_path, merges_path)
        spelled = {token.decode("latin-1"): id for id, token in self.vocab.items()}
        Path(vocab_path).write_text(json.dumps(spelled), encoding="utf-8")


class SavesByRank(right.Tokenizer):
    def save(self, vocab_path, merges_path):
        super().save(vocab_path, merges_path)
        tokens = sorted(json.loads(Path(vocab_path).read_text(encoding="utf-8")))
        text = json.dumps({token: id for id, token in enumerate(tokens)})
        Path(vocab_path).write_text(text, encoding="utf-8")


@wrong_tokenizer("test_files_are_written")
def merges_saved_in_alphabetical_order(vocab, merges, special_tokens=None):
    return SavesSorted(vocab, merges, special_tokens)


@wrong_tokenizer("test_files_are_written")
def tokens_saved_as_latin_1(vocab, merges, special_tokens=None):
    return SavesLatin1(vocab, merges, special_tokens)


@wrong_tokenizer("test_other_ids_survive_the_files")
def ids_saved_anew(vocab, merges, special_tokens=None):
    return SavesByRank(vocab, merges, special_tokens)


@wrong_bytes_per_token("test_bytes_per_token_weighs_every_token_alike")
def mean_over_texts(tokenizer, texts):
    ratios = [right.bytes_per_token(tokenizer, [text]) for text in texts if text]
    return sum(ratios) / len(ratios)


@wrong_bytes_per_token("test_bytes_per_token_of_one_text")
def characters_per_token(tokenizer, texts):
    texts = list(texts)
    return sum(map(len, texts)) / sum(len(tokenizer.encode(text)) for text in texts)


def written(ids, path, dtype="<u2"):
    np.array(ids, dtype).tofile(path)
    return len(ids)


@wrong_write_ids("test_ids_in_a_file")
def thirty_two_bits(tokenizer, texts, path):
    return written(list(tokenizer.encode_iterable(texts)), path, "<u4")


@wrong_write_ids("test_ids_in_a_file")
def greater_end_first(tokenizer, texts, path):
    return written(list(tokenizer.encode_iterable(texts)), path, ">u2")


@wrong_write_ids("test_ids_in_a_file")
def one_text_at_a_time(tokenizer, texts, path):
    return written([id for text in texts for id in tokenizer.encode(text)], path)


@wrong_write_ids("test_ids_that_do_not_fit_are_refused")
def ids_that_wrap_around(tokenizer, texts, path):
    return written([id % 65_536 for id in tokenizer.encode_iterable(texts)], path)


@wrong_write_ids("test_ids_that_do_not_fit_are_refused")
def highest_id_refused(tokenizer, texts, path):
    if max(tokenizer.vocab) >= 65_535:
        raise ValueError("does not fit")
    return right.write_ids(tokenizer, texts, path)


@wrong_write_ids("test_ids_are_written_while_texts_are_read")
def everything_kept_for_the_end(tokenizer, texts, path):
    return written(list(tokenizer.encode_iterable(texts)), path)


@wrong_write_ids("test_a_file_that_was_there_is_replaced")
def appended(tokenizer, texts, path):
    ids = list(tokenizer.encode_iterable(texts))
    with open(path, "ab") as file:
        file.write(np.array(ids, "<u2").tobytes())
    return len(ids)


# Runs


@cache
def spoilt_runs(name, change):
    """The right records with one of them changed, by its name and a function of its content."""
    folder = tempfile.TemporaryDirectory(prefix="tokenizers-")
    shutil.copytree(right.runs_folder(), folder.name, dirs_exist_ok=True)
    path = Path(folder.name) / name
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    return folder


def two_merges_swapped(record):
    record["merges"][5:7] = record["merges"][6:4:-1]


def half_of_the_merges(record):
    del record["merges"][len(record["merges"]) // 2 :]


def an_hour(record):
    record["seconds"] = 3600.0


def seven_gigabytes(record):
    record["peak_memory_mb"] = 7000


def another_text(record):
    record["text_sha256"] = "0" * 64


def three_bytes_per_token(record):
    record["bytes_per_token"]["docs"]["tales"] = 3.0


@wrong_runs_folder("test_the_vocabulary_of_docs")
def trained_in_another_order():
    return Path(spoilt_runs("docs.json", two_merges_swapped).name)


@wrong_runs_folder("test_the_vocabulary_of_docs")
def trained_by_half():
    return Path(spoilt_runs("docs.json", half_of_the_merges).name)


@wrong_runs_folder("test_the_vocabulary_of_docs")
def trained_too_long():
    return Path(spoilt_runs("docs.json", an_hour).name)


@wrong_runs_folder("test_the_vocabulary_of_docs")
def trained_with_much_memory():
    return Path(spoilt_runs("docs.json", seven_gigabytes).name)


@wrong_runs_folder("test_the_vocabulary_of_tales")
def trained_on_another_text():
    return Path(spoilt_runs("tales.json", another_text).name)


@wrong_runs_folder("test_bytes_per_token_across_corpora")
def measured_by_guessing():
    return Path(spoilt_runs("measured.json", three_bytes_per_token).name)


@cache
def shortened_ids():
    folder = tempfile.TemporaryDirectory(prefix="tokenizers-")
    shutil.copytree(right.runs_folder(), folder.name, dirs_exist_ok=True)
    path = Path(folder.name) / "docs-valid.ids"
    path.write_bytes(path.read_bytes()[:-2])
    return folder


@wrong_runs_folder("test_the_files_of_ids")
def last_id_lost():
    return Path(shortened_ids().name)


@wrong_answer("test_the_time_for_a_large_corpus")
def hours_instead_of_days():
    return answered("tokenizer_experiments", days_for_825_gb=825e9 / 1e6 / 3600)


@wrong_answer("test_the_largest_vocabulary_of_16_bits")
def largest_id_instead_of_their_number():
    return answered("tokenizer_experiments", largest_vocabulary_in_16_bits=65_535)


@wrong_answer("test_where_the_tales_end")
def size_that_was_asked_for():
    return answered("train_bpe_expts", tokens_of_tales=10_000)


@wrong_answer("test_what_two_vocabularies_share")
def bytes_counted_as_shared():
    shared = answered("train_bpe_expts")["train_bpe_expts"]["shared_merges"]
    return answered("train_bpe_expts", shared_merges=shared + 256)


@wrong_answer("test_the_longest_token_of_docs")
def last_token_instead_of_the_longest():
    return answered("train_bpe_docs", bytes_of_longest_token=1)
