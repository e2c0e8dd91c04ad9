"""Maps of who touches what, from records written by hand."""

import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.kernels.known_memory import KnownTensor
from lib.kernels.trace import Access, Launch, Trace
from lib.notebook.program_map import program_map, touches


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def trace_of(*rows, shape=(2, 3), kind="store", grid=(2, 1, 1)) -> Trace:
    """Each row is (program, offsets); a negative offset is masked."""
    known = KnownTensor("out", 0, 4, shape, (1,), 0, 4 * int(np.prod(shape)))
    accesses = [
        Access(program, kind, "out", np.abs(o), o >= 0, np.zeros(len(o)), line=1, order=i)
        for i, (program, o) in enumerate((p, np.array(offsets)) for p, offsets in rows)
    ]
    return Trace(accesses, [Launch("kernel", grid, {"out": known})], [p for p, _ in rows])


FIRST, SECOND = (0, 0, 0), (1, 0, 0)


def data_of(shown):
    return json.loads(re.search(r"race } = (\{.*\});", shown.html)[1])


def test_every_element_by_one_program():
    trace = trace_of((FIRST, [0, 1, 3, 4]), (SECOND, [2, 5, -1]))
    one = touches(trace, "out", "store")
    assert one.counts.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert one.sentence() == "Every element of out is stored by one of 2 programs"
    assert data_of(program_map(trace, "out"))["programs"] == [
        ["0", [0, 2, 3, 2]],
        ["1", [2, 1, 5, 1]],
    ]


def test_a_race_and_what_is_forgotten():
    twice = touches(trace_of((FIRST, [0, 1, 2]), (SECOND, [2, 3, 4, 5])), "out", "store")
    assert twice.is_race
    assert twice.sentence() == "1 element of out is stored by more than one program: a race"
    forgotten = touches(trace_of((FIRST, [0, 1, 2]), (SECOND, [3, 4])), "out", "store")
    assert forgotten.sentence() == "2 programs; 1 element of out is stored by none"


def test_shared_loads_are_no_race():
    trace = trace_of((FIRST, [0, 1, 2, 3]), (SECOND, [2, 3, 4, 5]), kind="load")
    assert not touches(trace, "out", "load").is_race
    assert "loaded by 1 to 2 of 2 programs" in program_map(trace, "out").text


def test_the_picture_stays_where_scripts_do_not_run():
    open_part = program_map(trace_of((FIRST, [0])), "out").html.partition("<script>")[0]
    assert "<img alt=" in open_part and "<input" not in open_part


def test_programs_of_a_grid_with_two_axes():
    trace = trace_of(((0, 1, 0), [0, 1]), grid=(1, 2, 1))
    assert list(touches(trace, "out", "store").programs) == ["(0, 1)"]


def test_wrong_names_and_shapes():
    trace = trace_of((FIRST, [0, 5]))
    with pytest.raises(ValueError, match="no tensor 'x': choose from out"):
        program_map(trace, "x")
    with pytest.raises(ValueError, match=r"elements up to 5, and the shape \(1, 4\) makes 4"):
        program_map(trace, "out", (4,))
