"""One shard of one stage: read, through the steps, written, counted. What every runner calls.

All that a shard makes lies in files that appear once they are whole; the last of them, `done`, says
which and with what checksums. So a shard that is interrupted was never there, and a shard that is
done again makes the same bytes.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from lib.corpora.cache import read_json, write_json
from lib.curation.blocks import BlockWriter
from lib.curation.counts import StepCounts
from lib.curation.formats import Writer, atomic_path, format_of, read_records
from lib.curation.quarantine import Quarantine
from lib.curation.records import Damage, Drop, Record
from lib.curation.sources import Source
from lib.curation.stages import Stage


@dataclass(frozen=True)
class Places:
    """Where the files of a stage's shards are."""

    folder: Path
    stage: int

    def work(self, shard: int, suffix: str) -> Path:
        return self.folder / "work" / str(self.stage) / f"{shard:05d}{suffix}"

    def records(self, shard: int) -> Path:
        return self.work(shard, ".jsonl.zst")

    def blocks(self, shard: int) -> Path:
        return self.work(shard, ".blocks")

    def decision(self, shard: int) -> Path:
        return self.work(shard, ".decision.json")

    def done(self, shard: int) -> Path:
        return self.work(shard, ".done.json")

    def seconds(self, shard: int) -> Path:
        return self.work(shard, ".seconds.json")

    def quarantine(self, shard: int) -> Path:
        return self.folder / "quarantine" / f"{self.stage}-{shard:05d}.jsonl"


class Shard:
    """The work on one shard; `run` does all of it."""

    def __init__(self, folder: Path, stage: Stage, number: int) -> None:
        self.folder, self.stage, self.number = folder, stage, number
        self.places = Places(folder, stage.number)
        self.counts = [StepCounts(label) for label in stage.labels]
        self.seconds = dict.fromkeys(stage.labels, 0.0)
        self.made: list[Path] = []

    def run(self) -> int:
        """Do it; how many records came in."""
        with ExitStack() as files:
            path = self._file(files, self.places.quarantine(self.number))
            self.quarantine = Quarantine(files.enter_context(open(path, "w", encoding="utf-8")))
            writers = self._writers(files)
            for record in self._records():
                if (found := self._through_steps(record)) is not None:
                    self._write(found, writers)
            self.quarantine.check(self.counts[0].n_in)
            if self.blocks:
                self.blocks.flush()
        self._finish()
        return self.counts[0].n_in

    def _writers(self, files: ExitStack) -> list[Writer]:
        """To the next stage, or to what comes out. They are closed before files get their names."""
        self.blocks = None
        if self.stage.barrier:
            part = self._file(files, self.places.blocks(self.number))
            self.blocks = BlockWriter(files.enter_context(part.open("wb")), self.stage.barrier)
            path = self.places.records(self.number)
            writers = [format_of(path).open_writer(self._file(files, path), path.name)]
        else:
            paths = [self.folder / sink.path(self.number) for sink in self.stage.sinks]
            parts = [self._file(files, path) for path in paths]
            writers = [s.open(part, path) for s, part, path in zip(self.stage.sinks, parts, paths)]
        for writer in writers:
            files.callback(writer.close)
        return writers

    def _file(self, files: ExitStack, path: Path) -> Path:
        self.made.append(path)
        return files.enter_context(atomic_path(path))

    def _records(self) -> Iterator[Record]:
        """From the source, or those of the stage before that the barrier lets on."""
        counts, before = self.counts[0], perf_counter()
        for found, result in self._arrivals():
            if isinstance(found, Damage):
                counts.n_in += 1
                counts.n_quarantined += 1
                self.quarantine.add_damage(counts.step, found)
            elif isinstance(result, Drop):
                counts.lost(found, result)
            else:
                counts.passed(found, result)
                self.seconds[counts.step] += perf_counter() - before
                yield result
                before = perf_counter()
        self.seconds[counts.step] += perf_counter() - before

    def _arrivals(self) -> Iterator[tuple[Record | Damage, Record | Drop | None]]:
        if isinstance(self.stage.begin, Source):
            for found in self.stage.begin.read(self.number):
                yield found, None if isinstance(found, Damage) else found
            return
        before = Places(self.folder, self.stage.number - 1)
        decision = read_json(before.decision(self.number)) or {}
        records = read_records(before.records(self.number))
        for place, (record, copies) in enumerate(zip(records, decision["copies"], strict=True)):
            if not copies:
                other = decision["instead"].get(str(place))
                yield record, Drop(self.stage.begin.reason, f"as {other}" if other else "")
            for copy in range(copies):
                yield record, replace(record, id=f"{record.id}#{copy + 1}") if copy else record

    def _through_steps(self, record: Record) -> Record | None:
        for step, counts in zip(self.stage.each, self.counts[1:]):
            before = perf_counter()
            try:
                result = step(record)
            except MemoryError:
                raise
            except Exception as error:
                self.quarantine.add(counts.step, record, error)
                counts.crashed(record)
                return None
            if isinstance(result, Drop):
                counts.lost(record, result)
            else:
                counts.passed(record, result)
            self.seconds[counts.step] += perf_counter() - before
            if isinstance(result, Drop):
                return None
            record = result
        return record

    def _write(self, record: Record, writers: list[Writer]) -> None:
        """What cannot be written is the record's fault, unless the system says otherwise."""
        counted = self.counts[len(self.counts) - len(self.stage.sinks) :] or self.counts[-1:]
        for writer, counts in zip(writers, counted):
            before = perf_counter()
            try:
                writer.write(record)
            except (OSError, MemoryError):
                raise
            except Exception as error:
                self.quarantine.add(counts.step, record, error)
                counts.not_written(record, passed=not self.stage.sinks)
                return
            if self.stage.sinks:
                counts.passed(record, record)
            self.seconds[counts.step] += perf_counter() - before
        if self.blocks:
            self.blocks.add(record)

    def _finish(self) -> None:
        """The files are there; say so."""
        if not self.quarantine.n_records:
            self.made.remove(self.places.quarantine(self.number))
            self.places.quarantine(self.number).unlink()
        write_json(self.places.seconds(self.number), self.seconds)
        content = {
            "files": checksums(self.folder, self.made),
            "counts": [counts.to_json() for counts in self.counts],
        }
        write_json(self.places.done(self.number), content)


def checksums(folder: Path, paths: list[Path]) -> dict[str, dict[str, Any]]:
    """Path in the folder: {bytes, sha256}. Of a folder, all files in it."""
    files = [
        file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
    ]
    return {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": sha256(file)}
        for file in files
        if file.is_file()
    }


def sha256(path: Path) -> str:
    """Of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_done(folder: Path, done: Path) -> bool:
    """Whether this mark is there, and all files that it names are as they were."""
    try:
        content = read_json(done)
    except json.JSONDecodeError:
        return False
    return content is not None and all(
        (folder / name).is_file()
        and (folder / name).stat().st_size == known["bytes"]
        and sha256(folder / name) == known["sha256"]
        for name, known in content["files"].items()
    )
