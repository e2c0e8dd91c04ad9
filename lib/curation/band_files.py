"""Shingles and band keys of documents, in files of a temporary folder that goes with the object.

Letters: d documents, b bands.
"""

import os
import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt64

from lib.curation.grown import Grown


class BandFiles:
    """Appended to block by block; then one band, or one document's set, can be read."""

    def __init__(self, n_bands: int) -> None:
        folder = Path(tempfile.mkdtemp(prefix="near-duplicates-"))
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.ends = Grown(np.int64)
        self._bands = [open(folder / f"band-{band}", "w+b") for band in range(n_bands)]  # noqa: SIM115
        self._shingle_file = open(folder / "shingles", "w+b")  # noqa: SIM115  (closed by `close`)

    def __len__(self) -> int:
        return len(self.ends)

    def append(
        self,
        keys: UInt64[np.ndarray, "b d"],
        shingles: UInt64[np.ndarray, " s"],
        lengths: Int64[np.ndarray, " d"],
    ) -> None:
        """One more block."""
        before = int(self.ends.values[-1]) if len(self) else 0
        self.ends.extend(before + np.cumsum(lengths))
        self._shingle_file.seek(0, os.SEEK_END)
        for file, row in zip([*self._bands, self._shingle_file], [*keys, shingles]):
            file.write(row.tobytes())

    def keys(self, band: int) -> tuple[UInt64[np.ndarray, " d"], Int64[np.ndarray, " f"]]:
        """A key for each document, and the documents that have any shingle."""
        if not len(self):
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        filled = np.diff(self.ends.values, prepend=0) > 0
        self._bands[band].flush()
        return np.fromfile(self._bands[band].name, np.uint64), np.flatnonzero(filled)

    def set_of(self, document: int) -> UInt64[np.ndarray, " n"]:
        """The shingles of a document, sorted. Few documents are asked for, so it is done here."""
        begin = int(self.ends.values[document - 1]) if document else 0
        n_bytes = (int(self.ends.values[document]) - begin) * 8
        self._shingle_file.seek(begin * 8)  # mapped, the file would count as memory, all of it
        found = np.sort(np.frombuffer(self._shingle_file.read(n_bytes), np.uint64))
        new = np.ones(len(found), bool)  # numpy's `unique` takes four times as long for so few
        np.not_equal(found[1:], found[:-1], out=new[1:])
        return found[new]

    def close(self) -> None:
        """Remove the folder."""
        for file in (*self._bands, self._shingle_file):
            file.close()
        self._remove()
