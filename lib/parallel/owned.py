"""Who owns which weights, so that one rank steps them and all get them from it.

A bucket's weights lie end to end, like its gradients, and the model's parameters are views of them:
what an owner changes, or what arrives from it, the model sees.

Letters: n ranks.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from torch import Tensor, nn

from lib.parallel.buckets import MB, Bucket, Named, make_buckets, unique
from lib.parallel.comm import Comm, Pending
from lib.parallel.flat import flattened


class Owned(ABC):
    """A bucket, its weights, and of both what this rank owns."""

    def __init__(self, bucket: Bucket, comm: Comm) -> None:
        self.bucket, self.comm, self.layout = bucket, comm, bucket.layout
        self.weights = flattened([p.data for p in bucket.params], bucket.layout, bucket.params[0])
        for p, view in zip(bucket.params, bucket.layout.views(self.weights)):
            p.data = view
        self.gradient: Tensor | None = None  # what this rank owns of the mean over the ranks

    @property
    @abstractmethod
    def mine(self) -> list[nn.Parameter]:
        """What this rank's optimizer steps."""

    @abstractmethod
    def reduce(self, keep: bool) -> Pending:
        """Start the mean of the gradients on its way to the owner.

        With `keep` the result overwrites a part of the bucket, else it has memory of its own and
        the bucket lets go of it all.
        """

    @abstractmethod
    def share(self) -> Pending:
        """Start the new weights on their way to all."""

    @abstractmethod
    def give(self) -> None:
        """Put what this rank owns of the gradient where its optimizer looks for it."""

    def add(self, gradient: Tensor | None) -> None:
        """Take what `reduce` has brought, on top of what earlier passes have."""
        if self.gradient is None or gradient is None:
            self.gradient = gradient
        else:
            self.gradient += gradient


class OwnedRange(Owned):
    """Rank r owns the r-th of n equal parts, which the optimizer sees as one long vector."""

    def __init__(self, bucket: Bucket, comm: Comm) -> None:
        super().__init__(bucket, comm)
        self.part = nn.Parameter(self.layout.part_of(self.weights, comm.rank))

    @property
    def mine(self) -> list[nn.Parameter]:
        return [self.part]

    def reduce(self, keep: bool) -> Pending:
        flat = self.bucket.allocate()
        into = {"into": self.layout.part_of(flat, self.comm.rank)} if keep else {}
        if not keep:
            self.bucket.release()
        return self.comm.start("reduce_scatter", flat, reduction="mean", **into)

    def share(self) -> Pending:
        return self.comm.start("all_gather", self.part.data, into=self.weights)

    def give(self) -> None:
        self.part.grad = self.gradient


class OwnedWhole(Owned):
    """One rank owns all of the bucket; its optimizer sees the parameters as they are."""

    def __init__(self, bucket: Bucket, comm: Comm, owner: int) -> None:
        super().__init__(bucket, comm)
        self.owner = owner

    @property
    def mine(self) -> list[nn.Parameter]:
        return self.bucket.params if self.owner == self.comm.rank else []

    def reduce(self, keep: bool) -> Pending:
        flat = self.bucket.allocate()
        if not keep:
            self.bucket.release()
        options = {"root": self.owner, "reduction": "mean", "in_place": True}
        return self.comm.start("reduce", flat, **options)

    def share(self) -> Pending:
        return self.comm.start("broadcast", self.weights, root=self.owner, in_place=True)

    def give(self) -> None:
        if self.gradient is not None:
            for p, view in zip(self.mine, self.layout.views(self.gradient)):
                p.grad = view


def owned_ranges(comm: Comm, named: Named, bucket_bytes: int) -> Iterator[Owned]:
    """Buckets of which every rank owns a part."""
    for bucket in make_buckets(named, bucket_bytes, min(MB, bucket_bytes), comm.n_ranks):
        yield OwnedRange(bucket, comm)


def owned_parameters(
    comm: Comm, named: Named, bucket_bytes: int, loads: list[int]
) -> Iterator[Owned]:
    """Buckets with one owner each. `loads`, how much each rank owns so far, is added to."""
    owners = share_out([p for _, p in unique(named)], loads)
    found = []
    for owner in range(comm.n_ranks):
        theirs = [(name, p) for name, p in unique(named) if owners[p] == owner]
        buckets = make_buckets(theirs, bucket_bytes, min(MB, bucket_bytes))
        found += [(bucket, owner) for bucket in buckets]
    order = {p: i for i, (_, p) in enumerate(unique(named))}
    for bucket, owner in sorted(found, key=lambda pair: -min(order[p] for p in pair[0].params)):
        yield OwnedWhole(bucket, comm, owner)


def share_out(params: list[nn.Parameter], loads: list[int]) -> dict[nn.Parameter, int]:
    """The owner of each: the largest parameters first, each to the rank with the least so far.

    No rank then has more than 4/3 of what the fairest sharing would give it (Graham, 1969).
    """
    owners = {}
    for p in sorted(params, key=lambda p: -p.numel()):
        owners[p] = min(range(len(loads)), key=lambda rank: loads[rank])
        loads[owners[p]] += p.numel()
    return owners
