"""The code corpus: every file in the encoding it declares, what cannot be read counted."""

from lib.corpora.code import Code, code
from lib.corpora.documents import Document, Size
from lib.corpora.installed import packages

TOY = {
    "toy/b.py": "x = 'é'\r\n",
    "toy/b/c.py": "x = 2\n",
    "toy/a.py": "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"),
    "toy/copy.py": "x = 2\n",
    "toy/empty.py": "\n",
    "toy/broken.py": b"x = '\xff'\n",
    "toy/tests/t.py": "assert x\n",
    "toy/data.txt": "not code",
}


def test_a_small_package(install):
    corpus = Code([*install(TOY)])
    assert list(corpus) == [
        Document("toy/a.py", "# -*- coding: latin-1 -*-\nx = 'é'\n", "toy 1.5 (MIT)"),
        Document("toy/b.py", "x = 'é'\n", "toy 1.5 (MIT)"),
        Document("toy/b/c.py", "x = 2\n", "toy 1.5 (MIT)"),
    ]
    assert corpus.skipped == ["toy/broken.py"]
    assert corpus.size() == Size(3, 35 + 9 + 6)


def test_the_standard_library_is_there_and_its_tests_are_not():
    names = [str(name) for name, _ in packages()[0].python_files()]
    assert {"argparse.py", "json/decoder.py", "asyncio/tasks.py"} <= set(names)
    assert names == sorted(names)
    assert not [n for n in names if n.startswith(("test/", "site-packages/", "dist-packages/"))]


def test_every_installed_package_states_a_licence():
    found = {package.name: package for package in packages()}
    assert {"python", "torch", "numpy", "sympy", "networkx"} <= set(found)
    assert all(0 < len(package.licence) < 200 for package in found.values())
    assert found["numpy"].licence.startswith("BSD-3-Clause")


def test_split_and_sample(install, monkeypatch):
    toy = install({f"toy/m{i}.py": f"x = {i}\n" for i in range(10, 90)})
    monkeypatch.setattr("lib.corpora.code.packages", lambda: toy)
    assert len(list(code("train"))) + len(list(code("valid"))) == 80
    assert code("train", max_bytes=100).size() == Size(14, 98)  # of 7 bytes each
