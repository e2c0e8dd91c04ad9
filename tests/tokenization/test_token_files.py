"""Files of ids: equal to encoding in memory, whatever happened on the way."""

import json
import os
import pickle
import random
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from sample_texts import TEXTS

from lib.tokenization import token_files
from lib.tokenization.bpe import BPE
from lib.tokenization.fast_bpe import train_bpe
from lib.tokenization.resumable import beside
from lib.tokenization.token_files import document_starts, encode_file, open_tokens, read_manifest

END = "<|endoftext|>"
BPE_512 = train_bpe(TEXTS.values(), 512, special=[END, "<|pad|>"])


@pytest.fixture
def source(tmp_path):
    """Documents of every language, with CRLF, invalid bytes, a special token that is text."""
    draw = random.Random(0)
    texts = draw.choices([*TEXTS.values(), "<|pad|>\r\n"], k=200)
    path = tmp_path / "source.txt"
    path.write_bytes((END + "\n").join(texts).encode() + b"\xe4\xbd cut \xff" + END.encode())
    return path


def expected(source) -> list[int]:
    return BPE_512.encode(source.read_bytes().decode("utf-8", "replace"), {END})


def test_the_file_holds_the_ids_and_the_manifest_says_what_they_are(source, tmp_path):
    out = tmp_path / "new folder" / "tokens.bin"
    tokens = encode_file(
        BPE_512, source, out, n_processes=1, document_separator=END, progress=False
    )
    ids = expected(source)
    assert tokens.dtype == np.uint16 and tokens.tolist() == ids
    assert isinstance(tokens, np.memmap) and not tokens.flags.writeable
    manifest = read_manifest(out)
    assert (manifest.n_tokens, manifest.dtype) == (len(ids), "<u2")
    assert manifest.source_bytes == source.stat().st_size
    assert manifest.separator_id == BPE_512.special[END]
    assert sorted(os.listdir(out.parent)) == ["tokens.bin", "tokens.bin.json"]


def test_documents_can_be_found_again(tmp_path):
    (tmp_path / "source").write_text(f"one{END}two three{END}", encoding="utf-8")
    out = tmp_path / "out"
    tokens = encode_file(BPE_512, tmp_path / "source", out, document_separator=END)
    starts = document_starts(out)
    assert read_manifest(out).n_documents == len(starts) == 2
    texts = [BPE_512.decode(part.tolist()) for part in np.split(tokens, starts[1:])]
    assert texts == [f"one{END}", f"two three{END}"]
    other = tmp_path / "other"
    encode_file(BPE_512, tmp_path / "source", other)  # here it is only text
    assert BPE_512.special[END] not in open_tokens(other)
    assert document_starts(other).tolist() == [0]


@pytest.mark.parametrize(("n_processes", "chunk_bytes"), [(1, 300), (2, 700), (3, 5000)])
def test_processes_and_chunks_change_nothing(source, tmp_path, n_processes, chunk_bytes):
    out = tmp_path / "tokens.bin"
    options = {"document_separator": END, "progress": False, "n_processes": n_processes}
    assert encode_file(BPE_512, source, out, chunk_bytes=chunk_bytes, **options).tolist() == (
        expected(source)
    )


SLOW_CHILD = """
import pickle, sys, time
from lib.tokenization import token_files

def main():
    bpe, source, out = pickle.load(open(sys.argv[1], "rb"))
    append = token_files.ResumableFile.append
    def slowly(*args):
        append(*args)
        time.sleep(0.05)
    token_files.ResumableFile.append = slowly
    token_files.encode_file(
        bpe, source, out, document_separator="<|endoftext|>", chunk_bytes=500,
        n_processes=int(sys.argv[2]), progress=False,
    )

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("n_processes", [1, 2])
def test_killed_and_called_again_it_goes_on(source, tmp_path, n_processes, monkeypatch):
    out, script, arguments = (tmp_path / name for name in ("tokens.bin", "child.py", "arguments"))
    script.write_text(SLOW_CHILD, encoding="utf-8")
    arguments.write_bytes(pickle.dumps((BPE_512, str(source), str(out))))
    child = subprocess.Popen([sys.executable, script, arguments, str(n_processes)])
    progress = beside(out, ".progress")
    deadline = time.monotonic() + 60
    while not (progress.exists() and len(progress.read_bytes().splitlines()) > 5):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    workers = psutil.Process(child.pid).children(recursive=True)
    child.kill()  # SIGKILL: no handler runs
    child.wait()
    assert not psutil.wait_procs(workers, timeout=20)[1]  # nobody is left behind
    assert not out.exists() and not beside(out, ".json").exists()
    with pytest.raises(FileNotFoundError, match="goes on with what an interrupted call"):
        open_tokens(out)

    lines = progress.read_text(encoding="utf-8").split("\n")
    source_end, _ = json.loads(lines[-2])
    with beside(out, ".partial").open("ab") as partial, progress.open("a") as notes:
        partial.write(b"written, but not noted")
        notes.write("[123")  # half a line
    read_from = []
    file_chunks = token_files.file_chunks
    monkeypatch.setattr(
        token_files, "file_chunks", lambda *args: read_from.append(args[-1]) or file_chunks(*args)
    )
    tokens = encode_file(BPE_512, source, out, document_separator=END, progress=False)
    assert read_from == [source_end] and source_end > 0
    assert tokens.tolist() == expected(source)
    assert not progress.exists() and not beside(out, ".partial").exists()


def test_killed_at_the_very_end(source, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    out = tmp_path / "tokens.bin"
    with monkeypatch.context() as patch:
        patch.setattr(token_files, "_write_manifest", killed)
        with pytest.raises(KeyboardInterrupt):
            encode_file(BPE_512, source, out, document_separator=END)
    tokens = encode_file(BPE_512, source, out, document_separator=END)
    assert tokens.tolist() == expected(source)


def test_notes_of_what_a_power_failure_lost_are_not_believed(source, tmp_path, monkeypatch):
    out = tmp_path / "tokens.bin"
    monkeypatch.setattr(token_files.ResumableFile, "finish", lambda self: 1 / 0)
    options = {"document_separator": END, "chunk_bytes": 500, "n_processes": 1}
    with pytest.raises(ZeroDivisionError):
        encode_file(BPE_512, source, out, **options)
    monkeypatch.undo()
    os.truncate(beside(out, ".partial"), 1001)
    assert encode_file(BPE_512, source, out, **options).tolist() == expected(source)


def test_a_finished_file_is_not_made_again(source, tmp_path):
    out = tmp_path / "tokens.bin"
    encode_file(BPE_512, source, out)
    before = out.stat().st_mtime_ns
    encode_file(BPE_512, source, out)
    assert out.stat().st_mtime_ns == before


def test_two_kinds_of_ids_never_share_a_file(source, tmp_path, monkeypatch):
    out = tmp_path / "tokens.bin"
    other = train_bpe(["another text"], 260, special=[END])
    with monkeypatch.context() as patch:  # an unfinished file
        patch.setattr(token_files.ResumableFile, "finish", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            encode_file(BPE_512, source, out)
    with pytest.raises(ValueError, match=r"tokenizer_sha256 was .* resume=False"):
        encode_file(other, source, out)
    encode_file(BPE_512, source, out)
    with pytest.raises(ValueError, match="tokenizer_sha256 was"):
        encode_file(other, source, out)
    with pytest.raises(ValueError, match="document_separator was None"):
        encode_file(BPE_512, source, out, document_separator=END)
    source.write_bytes(source.read_bytes().replace(b"quick", b"slick"))  # the same size
    with pytest.raises(ValueError, match="source_sha256 was"):
        encode_file(BPE_512, source, out)
    with pytest.raises(ValueError, match="source_sha256 was"):
        encode_file(BPE_512, source, out)
    assert encode_file(other, source, out, resume=False).max() < 260


def test_errors_say_what_to_do(source, tmp_path):
    out = tmp_path / "tokens.bin"
    with pytest.raises(ValueError, match="must be a special token"):
        encode_file(BPE_512, source, out, document_separator="<|eot|>")
    out.write_bytes(b"somebody's work")
    with pytest.raises(FileExistsError, match="Choose another file"):
        encode_file(BPE_512, source, out)
    assert out.read_bytes() == b"somebody's work"
    encode_file(BPE_512, source, out, resume=False)
    out.write_bytes(out.read_bytes()[:-2])
    with pytest.raises(ValueError, match="it was changed"):
        open_tokens(out)


def test_a_source_that_changes_meanwhile_is_noticed(source, tmp_path, monkeypatch):
    append = token_files.ResumableFile.append

    def meddle(*args):
        append(*args)
        with source.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(token_files.ResumableFile, "append", meddle)
    with pytest.raises(ValueError, match="changed while it was encoded"):
        encode_file(BPE_512, source, tmp_path / "out", n_processes=1)
    assert not (tmp_path / "out").exists()


def test_an_empty_file_and_a_large_vocabulary(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    tokens = encode_file(BPE_512, tmp_path / "empty", tmp_path / "none", document_separator=END)
    assert len(tokens) == read_manifest(tmp_path / "none").n_documents == 0
    large = BPE(BPE_512.tokens, BPE_512.merges, {END: 1 << 16})
    (tmp_path / "text").write_text(f"ab{END}", encoding="utf-8")
    tokens = encode_file(large, tmp_path / "text", tmp_path / "ids", document_separator=END)
    assert tokens.dtype == np.uint32 and tokens.tolist() == [*large.encode("ab"), 1 << 16]
