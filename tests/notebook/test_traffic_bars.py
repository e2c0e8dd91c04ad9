"""Bars of bytes moved, from a trace, from a counter and from two numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.kernels.trace import Access, Launch, Trace
from lib.notebook.traffic_bars import read_and_written, traffic_bars
from lib.tensors.moved import EagerTraffic, Moved


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_what_counts_bytes():
    lanes, three = np.arange(4), np.array([True, True, True, False])
    place = {"program": (0, 0, 0), "tensor": "x", "offsets": lanes, "mask": three, "line": 1}
    load = Access(kind="load", values=lanes, order=0, itemsize=2, **place)
    store = Access(kind="store", values=lanes, order=1, itemsize=4, **place)
    assert read_and_written(Trace([load, store], [Launch("k")], [])) == (6, 12)
    eager = EagerTraffic()
    eager.operations.append(Moved("aten::mul", 8, 4))
    assert read_and_written(eager) == (8, 4)


def test_bars_say_the_sum_and_the_ratio():
    ax = traffic_bars(
        {"eager": (6000, 3000), "fused": (2000, 1000)}, title="Fusion moves a third", alt="Bars."
    )
    assert [t.get_text() for t in ax.texts[:2]] == ["9  (3×)", "3"]
    assert ax.get_xlabel() == "moved between memory and processor, kB"
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == pytest.approx([6, 3, 2, 1])


def test_nothing_moved_is_refused():
    with pytest.raises(ValueError, match="0 bytes read and 0 written"):
        read_and_written((0, 0))
