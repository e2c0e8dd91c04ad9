"""The same bytes from a Ray cluster, a small one on this machine, as from one process."""

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from sample_records import FailsOnPoison, flawed
from test_pipeline import everything, quiet

from lib.curation.barriers import Near
from lib.curation.on_ray import LOCAL, OnRay
from lib.curation.pipeline import Pipeline
from lib.curation.sinks import Write
from lib.curation.sources import Given
from lib.curation.steps import Apply, Rules


@pytest.fixture
def ray(monkeypatch):
    """A cluster on this machine. Where others keep the processors busy, Ray may give up."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    for name, value in LOCAL.items():  # before it is imported
        monkeypatch.setenv(name, value)
    folders = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))  # where its processes find steps
    import ray

    before = signal.getsignal(signal.SIGTERM)  # Ray takes it, and does not give it back
    try:
        OnRay(n_processors=2).connect(ray)
    except Exception as error:
        if "timed out" not in str(error):
            raise
        pytest.skip(f"Ray did not start on a machine as busy as this: {error}")
    yield ray
    ray.shutdown()
    signal.signal(signal.SIGTERM, before)


def test_ray_makes_the_same_bytes(ray, tmp_path):
    steps = [FailsOnPoison(), Rules(("Gopher quality",)), Near(), Apply(lambda record: True)]
    pipeline = Pipeline([Given(tuple(flawed()), parts=3), *steps, Write()])
    quiet(pipeline, tmp_path / "here")
    quiet(pipeline, tmp_path / "there", OnRay())
    assert everything(tmp_path / "here") == everything(tmp_path / "there")


def test_without_ray_one_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RuntimeError, match="or run the pipeline on processes"):
        list(OnRay()(lambda shard: 0, [0]))
