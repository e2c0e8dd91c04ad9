"""Near-duplicates among many documents: MinHash finds candidates, the exact similarity decides.

    with NearDuplicates(similarity=0.8) as finder:
        finder.add(texts)                 # again and again; texts are not kept
        finder.clusters()                 # [[0, 17, 230], [4, 99], ...] by number of document

Signatures only say who might be similar. Every pair that counts has been compared by its sets of
shingles, so no cluster rests on an estimate; what can be missed is a pair that meets in no band,
which `recall` makes as unlikely as wished. Memory hardly grows with the texts: their shingles and
keys lie in files, and one band at a time is read.

Letters: d documents, b bands.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt64

from lib.curation.band_files import BandFiles
from lib.curation.fast_minhash import band_keys, signatures, similar
from lib.curation.fast_shingles import block_shingles
from lib.curation.lsh import Bands, Pair, choose_bands
from lib.curation.minhash import N_HASHES, Hashes
from lib.curation.shingles import N_WORDS, check_n
from lib.curation.union_find import UnionFind
from lib.tokenization.workers import ordered_map

BLOCK = 128  # documents whose numbers fit into a cache together
NEIGHBOURS = 8  # in a bucket, a document is compared with so many before it


class Numbers(NamedTuple):
    """What is kept of a block of documents."""

    keys: UInt64[np.ndarray, "b d"]
    shingles: UInt64[np.ndarray, " s"]  # of one document after the other
    lengths: Int64[np.ndarray, " d"]


class NearDuplicates:
    """Documents of a Jaccard similarity of at least `similarity`, linked into clusters.

    At exactly this similarity a pair is found with probability `recall`, at a higher one more
    surely. `n_words` is the length of a shingle. `n_processes` share the work of `add`; None: all.
    """

    def __init__(
        self,
        similarity: float = 0.8,
        *,
        recall: float = 0.99,
        n_words: int = N_WORDS,
        n_hashes: int = N_HASHES,
        seed: int = 0,
        n_processes: int | None = 1,
    ) -> None:
        check_n(n_words)
        self.similarity, self.n_words, self.n_processes = similarity, n_words, n_processes
        self.bands = choose_bands(n_hashes, similarity, recall)
        self.hashes = Hashes(self.bands.k, seed)
        self.files = BandFiles(self.bands.b)
        self.n_compared = 0  # pairs, in the last call of `pairs` or `clusters`

    def __len__(self) -> int:
        return len(self.files)

    def add(self, texts: Iterable[str]) -> None:
        """More documents, numbered on."""
        work = partial(numbers, hashes=self.hashes, bands=self.bands, n_words=self.n_words)
        for found in ordered_map(work, _blocks(texts), self.n_processes):
            self.files.append(*found)

    def pairs(self) -> Iterator[tuple[int, int, float]]:
        """Linked documents and their similarity, without pairs that follow from earlier ones."""
        links, different = UnionFind(len(self)), set()
        self.n_compared = 0
        for band in range(self.bands.b):
            for one, other in self._candidates(band, links):
                if (one, other) in different or links.find(one) == links.find(other):
                    continue
                found = similar(self.files.set_of(one), self.files.set_of(other))
                self.n_compared += 1
                if found >= self.similarity:
                    links.union(one, other)
                    yield one, other, found
                else:
                    different.add((one, other))

    def clusters(self) -> list[list[int]]:
        """Documents linked by any chain of similar pairs; those alone are left out."""
        links = UnionFind(len(self))
        for one, other, _ in self.pairs():
            links.union(one, other)
        return links.clusters()

    def duplicates(self) -> set[int]:
        """What to drop so that the first document of every cluster stays."""
        return {number for cluster in self.clusters() for number in cluster[1:]}

    def close(self) -> None:
        """Remove the files."""
        self.files.close()

    def __enter__(self) -> "NearDuplicates":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _candidates(self, band: int, links: UnionFind) -> Iterator[Pair]:
        """Pairs that share a bucket of the band and are not linked yet; each with near neighbours.

        Neighbours in the order of documents, so that a bucket of thousands costs thousands of
        comparisons, not millions.
        """
        keys, filled = self.files.keys(band)
        order = filled[np.argsort(keys[filled], kind="stable")]
        ordered = keys[order]
        for step in range(1, NEIGHBOURS + 1):
            meet = np.flatnonzero(ordered[:-step] == ordered[step:])
            if not len(meet):
                return
            one, other, roots = order[meet], order[meet + step], links.roots()
            new = roots[one] != roots[other]
            yield from zip(one[new].tolist(), other[new].tolist())


def numbers(texts: list[str], hashes: Hashes, bands: Bands, n_words: int) -> Numbers:
    """Keys and sets of a block; a function of a module, for processes."""
    block = block_shingles(texts, n_words)
    keys = band_keys(signatures(block, hashes), bands)
    return Numbers(keys, block.shingles, np.diff(block.ends, prepend=0))


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    texts = iter(texts)
    while block := list(islice(texts, BLOCK)):
        yield block
