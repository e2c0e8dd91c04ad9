"""Clusters out of pairs: who is linked to whom through any chain of links (Tarjan 1975)."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from jaxtyping import Int64

Pair = tuple[int, int]


class UnionFind:
    """n things, at first each alone. The smallest number of a cluster stands for it."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))

    def find(self, x: int) -> int:
        """Who stands for x's cluster; the path there is made shorter on the way."""
        while self.parent[x] != x:
            self.parent[x] = self.parent[self.parent[x]]
            x = self.parent[x]
        return x

    def union(self, x: int, y: int) -> None:
        """Join two clusters."""
        x, y = self.find(x), self.find(y)
        self.parent[max(x, y)] = min(x, y)

    def roots(self) -> Int64[np.ndarray, " n"]:
        """Who stands for whose cluster, of all at once."""
        found = np.array(self.parent, np.int64)
        while not np.array_equal(further := found[found], found):
            found = further
        return found

    def clusters(self) -> list[list[int]]:
        """Those of two or more, in order."""
        members = defaultdict(list)
        for x in range(len(self.parent)):
            members[self.find(x)].append(x)
        return [cluster for cluster in members.values() if len(cluster) > 1]


def clusters_of(n: int, pairs: Iterable[Pair]) -> list[list[int]]:
    """The clusters of n things that the pairs link."""
    links = UnionFind(n)
    for x, y in pairs:
        links.union(x, y)
    return links.clusters()
