"""Folders that Hugging Face's `datasets` has saved, with the columns of formats_parquet.py."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from lib.curation.formats_parquet import from_columns, to_columns
from lib.curation.records import Damage, Record


def read(path: Path) -> Iterator[Record | Damage]:
    """Rows in order."""
    for number, row in enumerate(_datasets().load_from_disk(str(path)), 1):
        yield from_columns(dict(row), f"{path.name}:{number}")


class DatasetsWriter:
    """Saves a folder when it is closed; until then its rows are in memory."""

    def __init__(self, path: Path, name: str) -> None:
        self._datasets, self._path = _datasets(), path
        self._rows: list[dict[str, str]] = []

    def write(self, record: Record) -> None:
        self._rows.append(to_columns(record))

    def close(self) -> None:
        columns = {
            key: [row[key] for row in self._rows] for key in ("id", "text", "source", "meta")
        }
        value = self._datasets.Value("string")
        features = self._datasets.Features(dict.fromkeys(columns, value))
        self._datasets.Dataset.from_dict(columns, features).save_to_disk(str(self._path))


open_writer = DatasetsWriter


def _datasets() -> ModuleType:
    try:
        import datasets
    except ImportError as error:
        raise RuntimeError(
            "Folders of Hugging Face datasets need their library, which is not installed here: "
            "pip install datasets, or use .parquet or .jsonl.zst."
        ) from error
    datasets.disable_progress_bars()
    return datasets
