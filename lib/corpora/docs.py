"""The `docs` corpus: English technical prose that every reader already has.

The docstrings of Python and of the installed packages, and the help pages that Python ships
(`pydoc_data.topics`): with the pinned requirements about 30,000 documents, 20 MB.

Nothing is imported and nothing is downloaded. The first use reads all source files, which takes
about 20 seconds, and keeps the result in the cache folder under a name made from the packages'
versions; later uses read that file.
"""

import ast
import gc
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from lib.corpora.cache import atomic_file, cache_folder
from lib.corpora.docstrings import docstrings
from lib.corpora.documents import Corpus, Document, Size, n_utf8_bytes
from lib.corpora.installed import Package, packages

FORMAT = 2  # raise it when what is read, or how, changes: the cache is then built afresh
MIN_BYTES = 100  # shorter docstrings ("Return the name.") teach little and repeat a lot


def docs(split: str | None = None, max_bytes: int | None = None) -> Corpus:
    """The docs corpus or one side of it; at most `max_bytes`, taken from everywhere in it."""
    corpus: Corpus = Docs(packages())
    corpus = corpus if split is None else corpus.split(split)
    return corpus if max_bytes is None else corpus.sample(max_bytes)


class Docs(Corpus):
    """Docstrings of `packages`, sorted by id, each exact text once.

    Near-duplicates stay (`Conv1d` and `Conv2d` differ by little), and the split does not look at
    them: a validation loss on this corpus flatters a little.
    """

    name = "docs"
    licence = "each package's own, named in every document's source"  # read here, not distributed

    def __init__(self, packages: list[Package], folder: Path | None = None):
        self.packages = packages
        versions = json.dumps([FORMAT, *((p.name, p.version) for p in packages)])
        key = hashlib.sha256(versions.encode()).hexdigest()[:12]
        self.path = (folder or cache_folder()) / "corpora" / f"docs-{key}.jsonl"

    def __iter__(self) -> Iterator[Document]:
        with open(self._built(), encoding="utf-8") as file:
            sources = json.loads(next(file))["sources"]
            for line in file:
                document_id, source, text = json.loads(line)
                yield Document(document_id, text, sources[source])

    def size(self) -> Size:
        """Without reading the documents: the cache's first line knows."""
        with open(self._built(), encoding="utf-8") as file:
            header = json.loads(next(file))
        return Size(header["documents"], header["bytes"])

    def _built(self) -> Path:
        """The cache file. Processes that find none all build it, and replace equal by equal."""
        if not self.path.exists():
            documents = unique(read(self.packages))
            sources = [package.source for package in self.packages]
            header = {
                "documents": len(documents),
                "bytes": sum(n_utf8_bytes(document.text) for document in documents),
                "sources": sources,
            }
            with atomic_file(self.path, keep_existing=True) as file:
                file.write(json.dumps(header) + "\n")
                for d in documents:
                    file.write(json.dumps([d.id, sources.index(d.source), d.text]) + "\n")
        return self.path


def read(packages: list[Package]) -> Iterator[Document]:
    """All docstrings and help pages, repeated ones included, with a progress bar."""
    files = [(package, *file) for package in packages for file in package.python_files()]
    # ast makes millions of objects without cycles: looking for cycles costs a fifth of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        for package, name, path in tqdm(
            files, "reading docstrings", unit=" files", leave=False, delay=1, mininterval=0.5
        ):
            for document_id, text in _file_texts(name, path):
                yield Document(document_id, text, package.source)
    finally:
        if collecting:
            gc.enable()


def unique(documents: Iterator[Document]) -> list[Document]:
    """Sorted by id, without short texts and without a text that was there before.

    A name with several texts (defined twice, for two systems say) gets "#2", "#3" ... behind it.
    """
    seen_texts: set[str] = set()
    times: dict[str, int] = {}
    kept = []
    for document in sorted(
        documents, key=lambda document: document.id
    ):  # stable: equal ids keep the order read
        if n_utf8_bytes(document.text) < MIN_BYTES or document.text in seen_texts:
            continue
        seen_texts.add(document.text)
        n = times[document.id] = times.get(document.id, 0) + 1
        name = document.id if n == 1 else f"{document.id}#{n}"
        kept.append(Document(name, document.text, document.source))
    return sorted(kept, key=lambda document: document.id)  # "x#10" goes before "x#2"


def _file_texts(name: PurePosixPath, path: Path) -> Iterator[tuple[str, str]]:
    """Pairs (dotted name, text) of one source file; nothing where it cannot be read or parsed."""
    try:
        code = path.read_bytes()
        if b'"""' not in code and b"'''" not in code and name.parent.name != "pydoc_data":
            return  # long docstrings have triple quotes, large tables of data do not
        parts = name.with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found = _topics(code) if module == "pydoc_data.topics" else docstrings(code, module)
        for dotted, text in found:
            # A literal may hold half a character ("\ud800"), which no file can.
            yield dotted, text.encode(errors="replace").decode()
    except (OSError, SyntaxError, ValueError):
        return


def _topics(code: bytes) -> Iterator[tuple[str, str]]:
    """Python's help pages: the one dictionary in `pydoc_data/topics.py`."""
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.Assign):
            for topic, text in ast.literal_eval(statement.value).items():
                yield f"pydoc_data.topics.{topic}", text.strip()
