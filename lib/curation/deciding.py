"""Between two stages: the barrier decides about all records, and each shard gets its part of it."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from lib.corpora.cache import write_json
from lib.curation.barriers import Barrier, Decision
from lib.curation.blocks import read_arrays, read_names
from lib.curation.shards import Places, checksums, is_done


def decide(folder: Path, stage: int, barrier: Barrier, n_shards: int) -> None:
    """Write every shard's part of the decision, unless that has been done."""
    places = Places(folder, stage)
    done = folder / "work" / str(stage) / "decided.json"
    if is_done(folder, done):
        return
    paths = [places.blocks(shard) for shard in range(n_shards)]
    decision = barrier.decide(arrays for path in paths for arrays in read_arrays(path))
    names, sizes = _names(paths, decision)
    for shard, (begin, end) in enumerate(pairwise(np.cumsum([0, *sizes]).tolist())):
        instead = enumerate(decision.instead[begin:end].tolist())
        content = {
            "copies": decision.copies[begin:end].tolist(),
            "instead": {place: names[number] for place, number in instead if number >= 0},
        }
        write_json(places.decision(shard), content)
    write_json(done, {"files": checksums(folder, [places.decision(s) for s in range(n_shards)])})


def _names(paths: list[Path], decision: Decision) -> tuple[dict[int, str], list[int]]:
    """What those are called that others are dropped for, and how many records each shard has."""
    wanted = set(decision.instead.tolist())
    names, sizes, number = {}, [], 0
    for path in paths:
        before = number
        for name in read_names(path):
            if number in wanted:
                names[number] = name
            number += 1
        sizes.append(number - before)
    return names, sizes
