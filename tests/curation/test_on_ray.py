"""The same bytes from a Ray cluster, a small one on this machine, as from one process."""

import sys

import pytest
from sample_records import FailsOnPoison, flawed
from test_pipeline import everything, quiet

from lib.curation.barriers import Near
from lib.curation.on_ray import OnRay
from lib.curation.pipeline import Pipeline
from lib.curation.sinks import Write
from lib.curation.sources import Given
from lib.curation.steps import Apply, Rules


def test_ray_makes_the_same_bytes(tmp_path):
    ray = pytest.importorskip("ray")
    steps = [FailsOnPoison(), Rules(("Gopher quality",)), Near(), Apply(lambda record: True)]
    pipeline = Pipeline([Given(tuple(flawed()), parts=3), *steps, Write()])
    quiet(pipeline, tmp_path / "here")
    try:
        quiet(pipeline, tmp_path / "there", OnRay(n_processors=2))
    finally:
        ray.shutdown()
    assert everything(tmp_path / "here") == everything(tmp_path / "there")


def test_without_ray_one_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RuntimeError, match="or run the pipeline on processes"):
        list(OnRay()(lambda shard: 0, [0]))
