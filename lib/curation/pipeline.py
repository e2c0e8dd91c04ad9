"""A pipeline: a list of steps, run on one process, on several, or on a cluster, with one result.

    run = Pipeline([Read(("crawl/*.warc.gz",)), Extract(), Language(), Near(), Write()]).run("out")
    run.counts                  how many records came to each step, stayed, went and why
    run.records()               what came out

In the folder: `data` (or what the last steps are told to write), `manifest.json` with counts and
checksums, `quarantine` with what steps failed on, `seconds.json`. Whoever does the work, however it
is interrupted: the same bytes, except of seconds.json.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lib.corpora.cache import read_json, write_json
from lib.curation.counts import StepCounts, merged
from lib.curation.deciding import decide
from lib.curation.description import describe
from lib.curation.formats import read_records, remove
from lib.curation.on_processes import Runner, in_process
from lib.curation.quarantine import read_quarantine
from lib.curation.records import Record
from lib.curation.shards import Places, Shard, checksums, is_done
from lib.curation.stages import Stage, stages_of

DESCRIPTION, MANIFEST, SECONDS = "pipeline.json", "manifest.json", "seconds.json"


class Run:
    """What a pipeline has made in a folder."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        manifest = read_json(self.folder / MANIFEST)
        if manifest is None:
            raise FileNotFoundError(
                f"{self.folder} holds no finished run: there is no {MANIFEST}. Run the pipeline; "
                "it goes on with what an interrupted run has done."
            )
        self.manifest: dict[str, Any] = manifest
        self.counts = [StepCounts.from_json(content) for content in manifest["counts"]]

    @property
    def seconds(self) -> dict[str, float]:
        """Of each step, in all shards together."""
        return read_json(self.folder / SECONDS) or {}

    def records(self) -> Iterator[Record]:
        """What was written, in order, by the first step that writes records."""
        for name in self.manifest["outputs"]:
            yield from (r for r in read_records(self.folder / name) if isinstance(r, Record))

    def quarantined(self) -> Iterator[dict[str, Any]]:
        """What steps failed on: {step, error, traceback, record}."""
        return read_quarantine(self.folder)


class Pipeline:
    """Steps in order: a source first, steps that write last."""

    def __init__(self, steps: Sequence[object]) -> None:
        self.steps, self.stages = list(steps), stages_of(steps)

    def run(
        self,
        folder: str | os.PathLike[str],
        on: Runner = in_process,
        *,
        resume: bool = True,
        progress: bool = True,
        keep_work: bool = False,
    ) -> Run:
        """Do what is not done yet in this folder.

        Raises ValueError if the folder holds the run of another pipeline, or of other files;
        `resume=False` begins afresh. `keep_work` keeps the records between stages.
        """
        folder = Path(folder).resolve()
        n_shards = self._begin(folder, resume)
        if not is_done(folder, folder / MANIFEST):
            for stage in self.stages:
                run_stage(folder, stage, n_shards, on, progress)
            self._end(folder, n_shards)
        if not keep_work:
            remove(folder / "work")
        return Run(folder)

    def _begin(self, folder: Path, resume: bool) -> int:
        """Check that the folder is ours, and tidy up behind a process that was killed."""
        shards = self.stages[0].begin.identity()
        made = [name for sink in self.stages[-1].sinks for name in sink.makes()]
        content = {"steps": describe(self.steps), "shards": shards, "makes": sorted(made)}
        known = read_json(folder / DESCRIPTION)
        if known is not None and not resume:
            for name in (*known["makes"], "work", "quarantine", MANIFEST, SECONDS, DESCRIPTION):
                remove(folder / name)
            known = None
        if known is None:
            _check_is_free(folder, ["work", "quarantine", *made])
        elif known != json.loads(json.dumps(content)):
            what = "set of files" if known["steps"] == content["steps"] else "pipeline"
            raise ValueError(
                f"{folder} holds the run of another {what}. Choose another folder, or begin afresh "
                "with resume=False (on the command line --afresh), which removes what is there."
            )
        for part in folder.rglob("*.part"):
            remove(part)
        write_json(folder / DESCRIPTION, content)
        return len(shards)

    def _end(self, folder: Path, n_shards: int) -> None:
        """Join what belongs together, and write what has been made and counted."""
        sinks = self.stages[-1].sinks
        made = [path for sink in sinks for path in sink.finish(folder, n_shards)]
        shards = [sink.path(shard) for sink in sinks for shard in range(n_shards)]
        made += [path for path in shards if path.parts[0] != "work"]
        made += sorted(path.relative_to(folder) for path in folder.glob("quarantine/*.jsonl"))
        counts, seconds = self._totals(folder, n_shards)
        write_json(folder / SECONDS, seconds)
        outputs = [sink.path(s) for sink in sinks[:1] for s in range(n_shards)]
        content = {
            "steps": describe(self.steps),
            "n_shards": n_shards,
            "outputs": [path.as_posix() for path in outputs if path.parts[0] != "work"],
            "counts": [each.to_json() for each in counts],
            "files": checksums(folder, [folder / path for path in made]),
        }
        write_json(folder / MANIFEST, content)

    def _totals(self, folder: Path, n_shards: int) -> tuple[list[StepCounts], dict[str, float]]:
        counts, seconds = [], {}
        for stage in self.stages:
            places = Places(folder, stage.number)
            done = [read_json(places.done(shard))["counts"] for shard in range(n_shards)]
            for step in zip(*done):
                counts.append(merged(StepCounts.from_json(part) for part in step))
            for shard in range(n_shards):
                for label, spent in read_json(places.seconds(shard)).items():
                    seconds[label] = seconds.get(label, 0.0) + spent
        return counts, seconds


def _check_is_free(folder: Path, names: Iterable[str]) -> None:
    """Raises ValueError where something lies that no pipeline has made."""
    for name in names:
        if (folder / name).exists():
            raise ValueError(
                f"{folder / name} is there, and not from a pipeline: it would be mixed with what "
                "this one makes. Choose another folder."
            )


def run_stage(folder: Path, stage: Stage, n_shards: int, on: Runner, progress: bool) -> None:
    """All shards that are not done, and then the decision of the barrier at its end."""
    places = Places(folder, stage.number)
    todo = [s for s in range(n_shards) if not is_done(folder, places.done(s))]
    with tqdm(
        total=n_shards,
        initial=n_shards - len(todo),
        desc=stage.title,
        unit="shard",
        leave=False,
        disable=not progress,
    ) as bar:
        n_records = 0
        for done in on(partial(work_on, folder, stage), todo) if todo else ():
            n_records += done
            bar.update()
            bar.set_postfix(records=f"{n_records:,}")
    if stage.barrier:
        decide(folder, stage.number, stage.barrier, n_shards)


def work_on(folder: Path, stage: Stage, shard: int) -> int:
    """What a process does, wherever it is; how many records came in."""
    return Shard(folder, stage, shard).run()
