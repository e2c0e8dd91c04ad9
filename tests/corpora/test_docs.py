"""The docs corpus: built once, the same every time, whole or absent."""

import os
import subprocess
import sys

import pytest

from lib.corpora.docs import Docs, docs, unique
from lib.corpora.documents import Document, Size
from lib.corpora.installed import packages

# Behind a name, this is a docstring of more than the 100 bytes that the corpus asks for.
LONG = (
    "is explained here with as many words as it takes to have more than one hundred bytes: so many."
)

TOY = {
    "toy/__init__.py": f'"""The toy {LONG}"""\n',
    "toy/b.py": f'"""Module b {LONG}"""\n'
    f'def f():\n    """Function f {LONG}\n\n    More.\n    """\n',
    "toy/a.py": f'"""Module a {LONG}"""\ndef f():\n    """Too short."""\n',
    "toy/copy.py": f'"""Module b {LONG}"""\n',
    "toy/old.py": f'"""Old {LONG}"""\nprint "no Python 3"\n',
    "toy/half.py": '"""Half a character \\ud800 ' + LONG + '"""\n',
    "toy/tests/test_b.py": f'"""A test {LONG}"""\n',
}


def test_a_small_package(install, tmp_path):
    corpus = Docs(install(TOY), folder=tmp_path / "cache")
    documents = list(corpus)
    assert [d.id for d in documents] == ["toy", "toy.a", "toy.b", "toy.b.f", "toy.half"]
    assert documents[3].text == f"Function f {LONG}\n\nMore."
    assert documents[4].text == f"Half a character ? {LONG}"
    assert {d.source for d in documents} == {"toy 1.5 (MIT)"}
    assert corpus.size() == Size(5, sum(len(d.text) for d in documents))


def test_the_cache_is_used_and_never_partial(install, tmp_path, monkeypatch):
    corpus = Docs(install(TOY), folder=tmp_path / "cache")

    def dies(*_):
        yield Document("x", "x" * 200, corpus.packages[0].source)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lib.corpora.docs.read", dies)
        with pytest.raises(KeyboardInterrupt):
            corpus.size()
    assert not corpus.path.exists()
    first = corpus.size()
    content = corpus.path.read_bytes()
    monkeypatch.setattr("lib.corpora.docs.read", dies)  # from here on, building would fail
    assert corpus.size() == first
    assert list(corpus) == list(corpus)
    assert corpus.path.read_bytes() == content


def test_other_versions_have_another_cache(install, tmp_path):
    (toy,) = install(TOY)
    newer = type(toy)("toy", "1.6", "MIT")
    assert Docs([toy], tmp_path).path != Docs([newer], tmp_path).path
    assert Docs([toy], tmp_path).path == Docs(install(TOY), tmp_path).path


def test_repeated_names_and_texts():
    texts = [
        ("n.b", "1"),
        ("n.a", "2"),
        ("n.b", "3"),
        ("n.c", "1"),
        *(("n.d", c) for c in "ABCDEFGHIJ"),
    ]
    kept = unique(Document(name, text * 120, "s") for name, text in texts)
    assert [(d.id, d.text[0]) for d in kept[:3]] == [("n.a", "2"), ("n.b", "1"), ("n.b#2", "3")]
    assert "n.c" not in {d.id for d in kept}  # the same text was there before
    assert [d.id for d in kept] == sorted(d.id for d in kept)  # "n.d#10" included


BUILD = """
from lib.corpora.docs import Docs
from lib.corpora.installed import packages
import hashlib, sys
corpus = Docs([p for p in packages() if p.name in ("einops", "tornado")])
print(hashlib.sha256(repr(list(corpus)).encode()).hexdigest(), corpus.size().documents)
"""


def test_processes_that_race_all_get_the_same_whole(tmp_path):
    # different seeds of hash(): an order that came from a set would show
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", BUILD],
            env=os.environ | {"LECTURES_CACHE": str(tmp_path), "PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in (1, 2)
    ]
    answers = {racer.communicate(timeout=60)[0] for racer in racers}
    (answer,) = answers
    assert int(answer.split()[1]) > 300
    assert len(list((tmp_path / "corpora").iterdir())) == 1  # nothing partial is left


def test_objects_written_in_c_are_there(tmp_path):
    numpy = [package for package in packages() if package.name == "numpy"]
    found = {d.id: d for d in Docs(numpy, tmp_path)}
    assert "numpy._core.multiarray.zeros" in found
    assert found["numpy.linalg"].source.startswith("numpy ")
    assert found["numpy.linalg"].source.endswith(")")
    assert all(len(d.text.encode()) >= 100 for d in found.values())


def test_help_pages_are_there(tmp_path, monkeypatch):
    python = packages()[:1]
    everything = list(python[0].python_files())
    topics = [pair for pair in everything if pair[0].parts[0] == "pydoc_data"]
    monkeypatch.setattr(type(python[0]), "python_files", lambda self: iter(topics))
    found = {d.id: d.text for d in Docs(python, tmp_path)}
    assert found["pydoc_data.topics.assert"].startswith('The "assert" statement')
    assert len(found) > 60


def test_split_and_sample(install, tmp_path, monkeypatch):
    toy = install({f"toy/m{i}.py": f'"""Module {i} {LONG}"""\n' for i in range(200)})
    monkeypatch.setenv("LECTURES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("lib.corpora.docs.packages", lambda: toy)
    both = [*docs("train"), *docs("valid")]
    assert sorted(d.id for d in both) == [d.id for d in docs()]
    assert 0 < len(list(docs("valid"))) < 24
    assert 800 < docs("train", max_bytes=1000).size().bytes <= 1000
    assert (tmp_path / "cache" / "corpora").exists()
