"""A whole pipeline: what comes out, by hand; the same in any process; the same after any death."""

import json
import multiprocessing
import os
import signal
import sys
import tracemalloc
from functools import partial
from random import Random
from time import sleep

import pytest
from sample_records import FailsOnPoison, flawed, n_words, prose

from lib.corpora.little_web import LittleWeb
from lib.curation import blocks
from lib.curation.barriers import Exact, Mix, Near
from lib.curation.formats import write_records
from lib.curation.on_processes import Processes, in_process
from lib.curation.pipeline import Pipeline, Run
from lib.curation.records import Record, from_page
from lib.curation.sinks import Tokenize, Write
from lib.curation.sources import Given, Read
from lib.curation.steps import Apply, Extract, MaskPersonal, Rules, Score
from lib.tokenization.bpe import BPE
from lib.tokenization.own_json import save
from lib.tokenization.token_files import document_starts, open_tokens


def quiet(pipeline, folder, on=in_process, **options):
    return pipeline.run(folder, on, progress=False, **options)


def steps(source, *sinks):
    """One of every kind, two barriers."""
    return [
        source,
        Extract("density"),
        FailsOnPoison(),
        Rules(("Gopher quality",)),
        Exact(),
        MaskPersonal(("email",)),
        Near(),
        Score(n_words, name="words", at_least=100),
        Mix({"web": 1, "books": 1}),
        *sinks,
    ]


@pytest.fixture
def files(tmp_path):
    """The records in three files of three formats, with one damaged line."""
    records, folder = flawed(), tmp_path / "in"
    write_records(folder / "1.jsonl.zst", records[:25])
    write_records(folder / "2.jsonl", records[25:50])
    write_records(folder / "3.jsonl.gz", records[50:])
    with open(folder / "2.jsonl", "a") as file:
        file.write('{"text": "never closed')
    return Read((f"{folder}/*",))


def everything(folder):
    """All bytes of a run, but not how long it took."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("seconds.json")
    }


def test_every_record_is_accounted_for(files, tmp_path):
    run = quiet(Pipeline(steps(files)), tmp_path / "out")
    by_step = {counts.step: counts for counts in run.counts}
    assert list(by_step) == [
        *("read", "extract", "poison", "rules", "exact"),
        *("pii", "near", "words", "mix", "write"),
    ]
    for before, after in zip(run.counts, run.counts[1:]):
        assert before.n_out == after.n_in and before.bytes_out == after.bytes_in
    for counts in run.counts:
        assert counts.n_in == counts.n_out + counts.n_dropped + counts.n_quarantined
    n = len(flawed())
    assert (by_step["read"].n_in, by_step["read"].n_quarantined) == (n + 1, 1)
    assert by_step["poison"].n_quarantined == 1
    assert by_step["rules"].dropped == {"words": 1}
    assert by_step["exact"].dropped == {"the same text": 1}
    assert by_step["near"].dropped == {"nearly the same text": 1}
    assert (by_step["extract"].n_changed, by_step["pii"].n_changed) == (1, 1)
    assert set(by_step["mix"].dropped) == {"not drawn for the mixture"}
    assert set(run.seconds) == set(by_step)

    (sample,) = by_step["near"].dropped_samples["nearly the same text"]
    assert (sample["name"], sample["detail"]) == ("near-20", "as long-20")
    poison, damage = sorted(run.quarantined(), key=lambda row: row["step"])
    assert poison["record"]["id"] == "poison" and poison["record"]["text"].endswith("POISON")
    assert poison["error"] == "ZeroDivisionError: division by poison"
    assert (
        "raise ZeroDivisionError" in poison["traceback"] and "shards.py" not in poison["traceback"]
    )
    assert damage["step"] == "read" and damage["record"]["place"] == "2.jsonl:26"
    assert damage["record"]["content"] == '{"text": "never closed'

    kept = list(run.records())
    expected = [record.id for record in flawed()]
    assert [r.id for r in kept] == [i for i in expected if i in {r.id for r in kept}]  # the order
    assert len(kept) == by_step["write"].n_out > 20
    assert not (tmp_path / "out" / "work").exists()


def test_the_same_in_one_process_and_in_several(files, tmp_path):
    pipeline = Pipeline(steps(files, Write(), Write("parquet", ".parquet")))
    quiet(pipeline, tmp_path / "here")
    quiet(pipeline, tmp_path / "there", Processes(2))
    assert everything(tmp_path / "here") == everything(tmp_path / "there")
    assert len(everything(tmp_path / "here")) == 3 + 3 + 1 + 2  # one has a quarantine


def backwards(work, shards):
    """A runner that a scheduler might be."""
    return map(work, Random(1).sample(shards, len(shards)))


def test_neither_order_nor_parts_change_what_comes_out(files, tmp_path):
    one = quiet(Pipeline(steps(files)), tmp_path / "one", backwards)
    assert everything(tmp_path / "one") == everything(
        quiet(Pipeline(steps(files)), tmp_path / "two").folder
    )
    many = quiet(Pipeline(steps(Given(tuple(flawed()), parts=7))), tmp_path / "many")
    assert list(many.records()) == list(one.records())
    for counts, others in zip(one.counts[1:], many.counts[1:]):
        assert counts == others  # samples, too


def test_parts_of_a_file_are_all_of_it(tmp_path):
    records = [Record(str(i), prose(i)) for i in range(10)]
    write_records(tmp_path / "x.jsonl", records)
    source = Read((str(tmp_path / "x.jsonl"),), "web", parts=3)
    found = [[record.id for record in source.read(part)] for part in range(3)]
    assert found == [["0", "3", "6", "9"], ["1", "4", "7"], ["2", "5", "8"]]
    assert next(source.read(0)).source == "web" and len(source.identity()) == 3


# Deaths

FORKS = pytest.mark.skipif(sys.platform == "win32", reason="copies of this process are killed")


def in_a_copy(work):
    """A copy of this process that does the work; its exit code is -9 if it was killed."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def die_at(call, pipeline, folder, before):
    """Run, and be killed before or after a file gets its name the nth time."""
    replace, calls = os.replace, iter(range(1, 1000))

    def counted(*arguments):
        last = next(calls) == call
        if last and before:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*arguments)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = counted
    quiet(pipeline, folder)


@FORKS
@pytest.mark.parametrize("before", [True, False])
def test_killed_wherever_a_file_appears(before, files, tmp_path):
    """Every time one file further, twice in one folder, and then on to the end."""
    pipeline = Pipeline([files, FailsOnPoison(), Near(), Write()])
    whole, call = everything(quiet(pipeline, tmp_path / "whole").folder), 0
    for call in range(1 if before else 2, 100, 3):
        cut, codes = tmp_path / f"cut-{call}", []
        for again in (call, 2):
            process = in_a_copy(partial(die_at, again, pipeline, cut, before))
            process.join()
            codes.append(process.exitcode)
        quiet(pipeline, cut)
        assert everything(cut) == whole
        if codes[0] == 0:
            break
        assert codes == [-signal.SIGKILL, -signal.SIGKILL]
    assert call > 20  # so many files there are


@FORKS
def test_killed_at_random_moments(files, tmp_path):
    pipeline = Pipeline(steps(files))
    whole, draw, kills = everything(quiet(pipeline, tmp_path / "whole").folder), Random(0), 0
    for _ in range(8):
        process = in_a_copy(partial(quiet, pipeline, tmp_path / "cut"))
        sleep(draw.uniform(0.0, 0.2))
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
    quiet(pipeline, tmp_path / "cut")
    assert everything(tmp_path / "cut") == whole and kills


def test_what_is_done_is_not_done_again(files, tmp_path):
    pipeline, calls = Pipeline([files, Near(), Write()]), []

    def watched(work, shards):
        calls.append(list(shards))
        return map(work, shards)

    folder = tmp_path / "out"
    quiet(pipeline, folder, watched, keep_work=True)
    assert calls == [[0, 1, 2], [0, 1, 2]]
    whole = everything(folder)
    quiet(pipeline, folder, watched, keep_work=True)
    assert len(calls) == 2
    (folder / "manifest.json").unlink()
    (folder / "work" / "1" / "00002.done.json").unlink()
    data = bytearray((folder / "data" / "00000.jsonl.zst").read_bytes())
    data[-1] ^= 1  # as long as before
    (folder / "data" / "00000.jsonl.zst").write_bytes(data)
    quiet(pipeline, folder, watched, keep_work=True)
    assert calls[2:] == [[0, 2]] and everything(folder) == whole


def test_another_pipeline_or_other_files_do_not_mix(files, tmp_path):
    quiet(Pipeline([files, Write()]), tmp_path / "out")
    with pytest.raises(ValueError, match="run of another pipeline"):
        quiet(Pipeline([files, Exact(), Write()]), tmp_path / "out")
    os.utime(tmp_path / "in" / "2.jsonl", (1, 1))
    with pytest.raises(ValueError, match="run of another set of files"):
        quiet(Pipeline([files, Write()]), tmp_path / "out")
    again = quiet(Pipeline([files, Exact(), Write("other")]), tmp_path / "out", resume=False)
    assert [counts.step for counts in again.counts] == ["read", "exact", "write"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"other", "quarantine", "manifest.json", "pipeline.json", "seconds.json"}


def test_what_others_have_made_stays(files, tmp_path):
    (tmp_path / "data").mkdir()
    for resume in (True, False):
        with pytest.raises(ValueError, match="not from a pipeline"):
            quiet(Pipeline([files, Write()]), tmp_path, resume=resume)


# Mistakes


def test_a_step_that_always_fails_stops_the_run(tmp_path):
    broken = Apply(lambda record: 1 / 0, name="broken")
    records = tuple(Record(str(i), prose(i)) for i in range(11))
    with pytest.raises(RuntimeError, match=r"11 records failed.*broken: ZeroDivisionError"):
        quiet(Pipeline([Given(records), broken]), tmp_path / "out")
    few = quiet(Pipeline([Given(records[:10]), broken]), tmp_path / "few")
    assert few.counts[1].n_quarantined == 10 and len(list(few.quarantined())) == 10


def test_what_cannot_be_written_is_quarantined(tmp_path):
    """A set is nothing for JSON. Before a barrier, or at the end."""
    spoil = Apply(lambda r: Record(r.id, r.text, "", {"bad": {1}} if r.id == "3" else {}))
    records = tuple(Record(str(i), prose(i)) for i in range(6))
    for last in (Exact(), Write()):
        run = quiet(Pipeline([Given(records), spoil, last]), tmp_path / last.kind)
        assert [r.id for r in run.records()] == ["0", "1", "2", "4", "5"]
        (row,) = run.quarantined()
        assert row["record"]["meta"] == "{'bad': {1}}" and "JSON" in row["error"]
        for counts in run.counts:
            assert counts.n_in == counts.n_out + counts.n_dropped + counts.n_quarantined


def test_functions_that_cannot_travel_say_so(files, tmp_path):
    pipeline = Pipeline([files, Apply(lambda record: True)])
    with pytest.raises(ValueError, match="Put its function into a module"):
        quiet(pipeline, tmp_path / "out", Processes(2))


def test_orders_that_make_no_sense():
    source = Given(())
    for wrong, message in (
        ([Exact()], "begins with a source"),
        ([source, source], "a second one"),
        ([source, Write(), Exact()], "Put what writes at the end"),
        ([source, n_words], "Wrap a function"),
        ([source, Write(), Write(suffix=".jsonl")], "Two steps write"),
    ):
        with pytest.raises(ValueError, match=message):
            Pipeline(wrong)
    with pytest.raises(FileNotFoundError, match="no finished run"):
        Run("nowhere")


def test_two_steps_of_one_kind_have_two_names(tmp_path):
    run = quiet(Pipeline([Given(()), Exact(), Exact()]), tmp_path / "out")
    assert [counts.step for counts in run.counts] == ["given", "exact", "exact 2", "write"]
    assert list(run.records()) == []


def test_tokens_are_those_of_the_documents_in_order(tmp_path):
    bpe = BPE({i: bytes([i]) for i in range(256)}, [], special={"<|endoftext|>": 256})
    save(bpe, tmp_path / "bytes.json")
    records = tuple(Record(str(i), text) for i, text in enumerate(["ab", "", "<|endoftext|>", "ü"]))
    steps = [Given(records, parts=2), Tokenize(str(tmp_path / "bytes.json"))]
    run = quiet(Pipeline(steps), tmp_path / "out")
    expected = [*b"ab", 256, 256, *b"<|endoftext|>", 256, *"ü".encode(), 256]
    assert open_tokens(run.folder / "tokens.bin").tolist() == expected
    assert document_starts(run.folder / "tokens.bin").tolist() == [0, 3, 4, 18]
    assert set(run.manifest["files"]) == {"tokens.bin", "tokens.bin.json"}
    with pytest.raises(ValueError, match="none of the special tokens"):
        Tokenize(str(tmp_path / "bytes.json"), separator="<end>")


def test_copies_of_a_mixture_have_names_of_their_own(tmp_path):
    records = tuple(Record(str(i), "four", "web") for i in range(3))
    mix = Mix({"web": 1}, total_bytes=24)
    run = quiet(Pipeline([Given(records), mix, Write(suffix=".jsonl")]), tmp_path / "out")
    assert [r.id for r in run.records()] == ["0", "0#2", "1", "1#2", "2", "2#2"]
    rows = (run.folder / "data" / "00000.jsonl").read_text().splitlines()
    assert json.loads(rows[0]) == {"id": "0", "text": "four", "source": "web"}


def test_memory_is_that_of_a_few_records(tmp_path, monkeypatch):
    """Texts of 100 kB, read, summed up in blocks of 8, and written: never all at a time."""
    monkeypatch.setattr(blocks, "BLOCK", 8)
    records = (Record(str(i), f"{i} " + "a" * 100_000) for i in range(60))
    write_records(tmp_path / "x.jsonl", records)
    pipeline = Pipeline([Read((str(tmp_path / "x.jsonl"),)), Exact(), Write()])
    quiet(pipeline, tmp_path / "warm")
    tracemalloc.start()
    run = quiet(pipeline, tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e6  # a block is 0.8 MB, all texts are 6
    assert run.counts[-1].n_out == 60


def test_what_is_kept_of_the_little_web(tmp_path):
    """Every main text that is extracted is one that is known to be there; none is kept twice."""
    web = LittleWeb(hosts=("news.example", "mirror.example"))
    pages = tuple(from_page(page) for _, page in sorted(web.pages.items()) if page.status == 200)
    steps = [Given(pages, parts=3), Extract("density"), Exact(), Near(similarity=0.7)]
    run = quiet(Pipeline(steps), tmp_path / "out")
    kept = {record.id for record in run.records()}
    copies = {url: truth.copy_of for url, truth in web.truth.items() if truth.copy_of in web.truth}
    exact = {url for url in copies if web.truth[url].jaccard == 1}
    assert len(copies) > 10 and len(exact) > 0
    assert not {url for url in exact if url in kept and copies[url] in kept}
    alone = set(web.truth) - set(copies) - set(copies.values())
    listings = {url for url, truth in web.truth.items() if truth.kind == "listing"}
    assert alone - listings <= kept
