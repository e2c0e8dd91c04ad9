"""Pipelines as text, and the command line."""

import json

import pytest
from sample_records import flawed, n_words

from lib.curation import __main__ as command_line
from lib.curation.barriers import Exact, Mix, Near
from lib.curation.description import KINDS, describe, read_description, step_from
from lib.curation.formats import write_records
from lib.curation.on_processes import Processes, in_process
from lib.curation.on_ray import OnRay
from lib.curation.pipeline import Run
from lib.curation.records import Record
from lib.curation.sinks import Write
from lib.curation.sources import Given, Read
from lib.curation.steps import Language, Score

TOML = """
[run]
folder = "FOLDER"

[[step]]
kind = "read"
paths = ["IN/*.jsonl"]

[[step]]
kind = "score"
function = "sample_records:n_words"
name = "words"
at_least = 100

[[step]]
kind = "near"
similarity = 0.7

[[step]]
kind = "mix"
weights = { web = 1, books = 1.0 }

[[step]]
kind = "write"
suffix = ".jsonl"
"""


@pytest.fixture
def file(tmp_path):
    write_records(tmp_path / "in" / "x.jsonl", [r for r in flawed() if r.text])
    text = TOML.replace("FOLDER", (tmp_path / "out").as_posix())
    (tmp_path / "p.toml").write_text(text.replace("IN", (tmp_path / "in").as_posix()))
    return tmp_path / "p.toml"


def test_a_file_makes_the_steps(file, tmp_path):
    run, steps = read_description(file, ["run.on=processes", "run.processes=3"])
    assert (run.folder, run.runner()) == ((tmp_path / "out").as_posix(), Processes(3))
    assert steps == [
        Read((f"{(tmp_path / 'in').as_posix()}/*.jsonl",)),
        Score("sample_records:n_words", "words", at_least=100),
        Near(similarity=0.7),
        Mix({"web": 1, "books": 1.0}),
        Write(suffix=".jsonl"),
    ]


def test_who_does_the_work(file):
    assert read_description(file)[0].runner() is in_process
    assert read_description(file, ["run.on=ray", "run.address=auto"])[0].runner() == OnRay("auto")
    with pytest.raises(ValueError, match="Choose from here, processes, ray"):
        read_description(file, ["run.on=cluster"])[0].runner()


def test_a_description_makes_the_same_steps():
    steps = [Language(("en", "de")), Exact(), Near(0.5), Score(n_words), Given((Record("a"),))]
    tables = json.loads(json.dumps(describe(steps)))
    assert [step_from(table) for table in tables[:3]] == steps[:3]
    assert tables[3]["function"] == "sample_records:n_words"
    assert tables[4] == {"kind": "given", "records": "1 records", "parts": 1}
    assert all(step.kind == kind for kind, step in KINDS.items())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "langage"}, "Did you mean 'language'"),
        ({"kind": "language", "kep": ["en"]}, "Did you mean 'keep'"),
        ({"kind": "language", "keep": "en"}, "should be a list of texts"),
        ({"kind": "language", "at_least": "much"}, "at_least is 'much', and should be a"),
        ({"kind": "near", "n_words": 2.5}, "n_words is 2.5, and should be a whole number"),
        ({"kind": "near", "seed": True}, "seed is True"),
        ({"kind": "read"}, "needs paths"),
        ({"kind": "mix", "weights": [1]}, "weights is"),
    ],
)
def test_mistakes_are_named(table, message):
    with pytest.raises(ValueError, match=message):
        step_from(table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[step]\n", "is not TOML"),
        ("[run]\n", "has no steps"),
        ("[runs]\n", "Did you mean 'run'"),
        ('[run]\non = 3\n[[step]]\nkind = "read"', "run: on is 3"),
    ],
)
def test_mistakes_of_a_file(text, message, tmp_path):
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_description(tmp_path / "p.toml")


def test_the_command_line(file, tmp_path, capsys):
    assert command_line.main(["run", str(file)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith("step") and "report.html" in out
    n_out = Run(tmp_path / "out").counts[-1].n_out
    written = (tmp_path / "out" / "data" / "00000.jsonl").read_text().splitlines()
    assert n_out == len(written) > 20
    assert command_line.main(["show", str(tmp_path / "out")]) == 0
    assert "near: 2 dropped: nearly the same text" in capsys.readouterr().out
    assert command_line.main(["report", str(tmp_path / "out"), str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "r.html").exists()


def test_the_command_line_says_what_is_wrong(file, tmp_path, capsys):
    for arguments, message in (
        (["show", str(tmp_path)], "holds no finished run"),
        (["run", str(file), "folder=x"], "Write run.name=value"),
        (["run", str(tmp_path / "none.toml")], "No such file"),
    ):
        assert command_line.main(arguments) == 1
        assert message in capsys.readouterr().err
