"""What is counted at each step, and the few records that are kept as samples to look at.

Samples are chosen by a hash of the record's name, not by who came first: so they are from
everywhere, and the same whoever did the work and however it was cut into shards.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lib.corpora.documents import hash_position
from lib.curation.records import Drop, Record

N_SAMPLES = 3  # of the kept records, and of those dropped for each reason
SHOWN = 400  # characters of a sample


@dataclass(slots=True)
class StepCounts:
    """One step's records: how many came, stayed, went and why. Bytes are those of texts."""

    step: str
    n_in: int = 0
    bytes_in: int = 0
    n_out: int = 0
    bytes_out: int = 0
    n_changed: int = 0
    n_quarantined: int = 0
    dropped: Counter[str] = field(default_factory=Counter)  # reason: how many
    kept_samples: list[dict[str, Any]] = field(default_factory=list)
    dropped_samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def n_dropped(self) -> int:
        return self.dropped.total()

    def passed(self, before: Record, after: Record) -> None:
        """A record went through."""
        self._came(before)
        self.n_out += 1
        self.bytes_out += after.n_bytes
        self.n_changed += after.text != before.text
        _offer(self.kept_samples, after, "")

    def lost(self, before: Record, drop: Drop) -> None:
        """A record was dropped."""
        self._came(before)
        self.dropped[drop.reason] += 1
        _offer(self.dropped_samples.setdefault(drop.reason, []), before, drop.detail)

    def crashed(self, before: Record) -> None:
        """The step failed on a record."""
        self._came(before)
        self.n_quarantined += 1

    def not_written(self, record: Record, passed: bool) -> None:
        """A record could not be written; `passed` says that it was counted as kept before."""
        if passed:
            self.n_out -= 1
            self.bytes_out -= record.n_bytes
            self.n_quarantined += 1
        else:
            self.crashed(record)

    def _came(self, record: Record) -> None:
        self.n_in += 1
        self.bytes_in += record.n_bytes

    def to_json(self) -> dict[str, Any]:
        """Every field, in a fixed order; reasons by how often they occurred."""
        reasons = sorted(self.dropped.items(), key=lambda pair: (-pair[1], pair[0]))
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        samples = {reason: self.dropped_samples[reason] for reason, _ in reasons}
        return values | {"dropped": dict(reasons), "dropped_samples": samples}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "StepCounts":
        return cls(**(content | {"dropped": Counter(content["dropped"])}))


def merged(parts: Iterable[StepCounts]) -> StepCounts:
    """The counts of several shards together; samples are chosen again among theirs."""
    parts = list(parts)
    total = StepCounts(parts[0].step)
    for part in parts:
        for name in ("n_in", "bytes_in", "n_out", "bytes_out", "n_changed", "n_quarantined"):
            setattr(total, name, getattr(total, name) + getattr(part, name))
        total.dropped.update(part.dropped)
        total.kept_samples = _best(total.kept_samples + part.kept_samples)
        for reason, samples in part.dropped_samples.items():
            total.dropped_samples[reason] = _best(total.dropped_samples.get(reason, []) + samples)
    return total


def _offer(samples: list[dict[str, Any]], record: Record, detail: str) -> None:
    position = hash_position(record.id, "sample")
    if len(samples) < N_SAMPLES or position < samples[-1]["position"]:
        text = record.text or record.body[:SHOWN].decode("utf-8", "replace")
        if len(text) > SHOWN:
            text = text[:SHOWN] + " …"
        sample = {"name": record.name, "detail": detail, "text": text, "position": position}
        samples[:] = _best([*samples, sample])


def _best(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(samples, key=lambda s: (s["position"], s["name"], s["detail"], s["text"]))[
        :N_SAMPLES
    ]
