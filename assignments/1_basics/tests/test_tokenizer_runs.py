"""What training and measuring on whole corpora noted, against lib on the same files.

Two of these tests train lib's tokenizer: on docs that takes a quarter of a minute.
"""

from pathlib import Path
from typing import Any

import numpy as np

from adapters import tokenization
from basics import tokenizer_runs
from lib.corpora.documents import END_OF_TEXT
from lib.grading import answers
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from lib.tokenization.bpe import BPE
from lib.tokenization.fast_bpe import train_bpe
from lib.tokenization.fast_encode import FastEncoder

MOST_SECONDS = 30 * 60
MOST_MEMORY = 4000  # MB
LARGE_CORPUS = 825e9  # bytes


def read_run(name: str) -> dict[str, Any]:
    return tokenizer_runs.read_run(name, tokenization.runs_folder())


def read_measurements() -> dict[str, Any]:
    return tokenizer_runs.read_measurements(tokenization.runs_folder())


def check_run(name: str, folder: Path) -> None:
    """The vocabulary is that of the corpus as it is now, made within the budget."""
    run, path = read_run(name), folder / "text.txt"
    tokenization.corpus(name, "train").write_text(path)
    rule = "The corpus has changed since, because other packages are installed: train again."
    holds(run["text_sha256"] == tokenizer_runs.sha256(path), rule, given=f"corpus {name}")
    given = f"corpus {name}, vocab_size {run['vocab_size']}"
    expected = train_bpe(path, run["vocab_size"], special=[END_OF_TEXT], n_processes=1)
    same(run["merges"], expected.merges, given=f"{given}: merges")
    same(len(run["vocab"]), expected.vocab_size, given=f"{given}: size of the vocabulary")
    rule = f"At most {MOST_SECONDS} s. Where does the time go?  python -m cProfile -s tottime ..."
    holds(run["seconds"] <= MOST_SECONDS, rule, given=given, yours=run["seconds"])
    rule = f"At most {MOST_MEMORY} MB, this process and its children together."
    holds(run["peak_memory_mb"] <= MOST_MEMORY, rule, given=given, yours=run["peak_memory_mb"])


# train_bpe_docs


@problem("train_bpe_docs")
def test_the_vocabulary_of_docs(tmp_path):
    check_run("docs", tmp_path)


@problem("train_bpe_docs")
def test_the_longest_token_of_docs():
    longest = max(map(len, read_run("docs")["vocab"].values()))
    yours = answers.number("train_bpe_docs.bytes_of_longest_token")
    same(yours, longest, given="the vocabulary of docs: bytes of its longest token")


@problem("train_bpe_docs")
def test_what_was_slow_is_described():
    answers.words("train_bpe_docs.slowest_part", at_least=10)


# train_bpe_expts


@problem("train_bpe_expts")
def test_the_vocabulary_of_tales(tmp_path):
    check_run("tales", tmp_path)


@problem("train_bpe_expts")
def test_where_the_tales_end():
    yours = answers.number("train_bpe_expts.tokens_of_tales")
    given = "asked for 10,000 tokens; how many the vocabulary of tales has"
    same(yours, len(read_run("tales")["vocab"]), given=given)
    answers.words("train_bpe_expts.why_it_ends", at_least=10)


@problem("train_bpe_expts")
def test_what_two_vocabularies_share():
    tales, docs = ({a + b for a, b in read_run(name)["merges"]} for name in ("tales", "docs"))
    yours = answers.number("train_bpe_expts.shared_merges")
    given = "tokens made by merges on tales that merges on docs made too"
    same(yours, len(tales & docs), given=given)
    answers.words("train_bpe_expts.comparison", at_least=20)


# tokenizer_experiments


def encoder(name: str) -> FastEncoder:
    """lib's, with the vocabulary of a training."""
    run = read_run(name)
    end = END_OF_TEXT.encode()
    special = {token.decode(): id for id, token in run["vocab"].items() if token == end}
    tokens = {id: token for id, token in run["vocab"].items() if token != end}
    return FastEncoder(BPE(tokens, run["merges"], special))


@problem("tokenizer_experiments")
def test_bytes_per_token_across_corpora():
    noted = read_measurements()["bytes_per_token"]
    for name in ("docs", "tales"):
        encode = encoder(name).encode
        for other in tokenizer_runs.MEASURED:
            texts = tokenizer_runs.ten_documents(tokenization.corpus(other, "valid"))
            n_ids = sum(len(encode(text, "all")) for text in texts)
            expected = sum(len(text.encode()) for text in texts) / n_ids
            given = f"the tokenizer of {name} on ten documents of {other}"
            same(noted.get(name, {}).get(other), expected, given=given, within=1e-9)


@problem("tokenizer_experiments")
def test_the_files_of_ids():
    folder, noted = tokenization.runs_folder(), read_measurements()["n_ids"]
    for name in ("docs", "tales"):
        text = (folder / f"{name}-valid.txt").read_bytes().decode()
        expected = encoder(name).encode(text, "all")
        yours = np.fromfile(folder / f"{name}-valid.ids", "<u2").tolist()
        same(yours, [*map(int, expected)], given=f"{name}-valid.ids, the ids of {name}-valid.txt")
        size = (folder / f"{name}-train.ids").stat().st_size
        given = f"the bytes of {name}-train.ids"
        same(size, 2 * noted[f"{name}-train"], given=f"{given}, twice the ids that were noted")


@problem("tokenizer_experiments")
def test_the_time_for_a_large_corpus():
    per_second = read_measurements()["bytes_per_second"]["docs"]
    given = f"825 GB at {per_second:,.0f} bytes per second, as measured on docs: days"
    days = LARGE_CORPUS / per_second / 86_400
    yours = answers.number("tokenizer_experiments.days_for_825_gb")
    same(yours, days, given=given, within=0.1 * days)


@problem("tokenizer_experiments")
def test_the_largest_vocabulary_of_16_bits():
    yours = answers.number("tokenizer_experiments.largest_vocabulary_in_16_bits")
    same(yours, 2**16, given="how many different ids an unsigned number of 16 bits can tell apart")
    answers.words("tokenizer_experiments.why_16_bits", at_least=10)


@problem("tokenizer_experiments")
def test_the_table_is_described():
    answers.words("tokenizer_experiments.comparison", at_least=20)
