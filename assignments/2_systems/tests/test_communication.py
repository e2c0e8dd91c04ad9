"""The cost of messages: by hand, from made-up measurements, and measured with made-up clocks."""

from itertools import product

from adapters import parallel
from lib.grading.answers import judge, words
from lib.grading.feedback import holds, same
from lib.grading.on_ranks import LoggedComm, on_ranks
from lib.grading.problems import problem

MB = 10**6
TABLE = [  # of the handout: bytes, ranks, milliseconds
    (1 * MB, 2, 0.220),
    (10 * MB, 2, 1.000),
    (100 * MB, 2, 8.900),
    (1 * MB, 4, 0.530),
    (10 * MB, 4, 1.700),
    (100 * MB, 4, 13.300),
]


@problem("distributed_communication")
def test_the_formula():
    for n_bytes, n_ranks, latency, bandwidth, right in (
        (1000, 2, 1.0, 100.0, 12.0),
        (1000, 1, 1.0, 100.0, 0.0),
        (1000, 4, 1.0, 100.0, 21.0),
        (3000, 3, 0.5, 1000.0, 6.0),
    ):
        yours = parallel.all_reduce_seconds(n_bytes, n_ranks, latency, bandwidth)
        given = f"{n_bytes} bytes, {n_ranks} ranks, latency {latency}, bandwidth {bandwidth}"
        same(float(yours), right, given=given, within=1e-9)


def seconds(n_bytes: int, n_ranks: int, latency: float, bandwidth: float) -> float:
    steps = 2 * (n_ranks - 1)
    return steps * latency + steps / n_ranks * n_bytes / bandwidth


@problem("distributed_communication")
def test_points_on_a_line_give_the_line():
    for latency, bandwidth in ((1e-3, 1e9), (2e-5, 5e10)):
        sizes = product((1000, MB, 1000 * MB), (2, 3))
        points = [(n, R, seconds(n, R, latency, bandwidth)) for n, R in sizes]
        given = f"six points of a ring with latency {latency} s and bandwidth {bandwidth:g} B/s"
        yours = [x / right for x, right in zip(parallel.fit(points), (latency, bandwidth))]
        same(yours, [1.0, 1.0], given=f"{given}: yours, divided by these", within=1e-3)


def misfit(points: list[tuple], latency: float, bandwidth: float) -> float:
    return sum((seconds(n, R, latency, bandwidth) / t - 1) ** 2 for n, R, t in points)


@problem("distributed_communication")
def test_small_messages_count_as_much_as_large_ones():
    """Points that lie on no line: no other line is closer, in relative terms."""
    points = [(1000, 2, 1.2e-3), (MB, 2, 1.7e-3), (100 * MB, 2, 0.14), (1000 * MB, 2, 0.9)]
    latency, bandwidth = parallel.fit(points)
    yours = misfit(points, latency, bandwidth)
    for a, b in ((1.03, 1.0), (0.97, 1.0), (1.0, 1.03), (1.0, 0.97)):
        other = misfit(points, a * latency, b * bandwidth)
        rule = "The sum of (predicted / measured - 1)^2 is the least for your line."
        given = f"points {points}; yours: latency {latency:g}, bandwidth {bandwidth:g}"
        holds(yours <= other + 1e-12, rule, given=given, yours=yours)


class Clock:
    """Each all-reduce between two looks at the clock takes as long as the list says."""

    def __init__(self, log: list[tuple], costs: list[float]) -> None:
        self.log, self.costs = log, costs

    def __call__(self) -> float:
        n_calls = sum(entry[:2] == ("start", "all_reduce") for entry in self.log)
        return sum(self.costs[:n_calls])


def measured(comm, measure, sizes, repeats, costs):
    """What `measure` returns, and the calls it made; costs are of this rank's all-reduces."""
    log: list[tuple] = []
    points = measure(LoggedComm(comm, log), sizes, repeats, Clock(log, costs[comm.rank]))
    calls = [entry[1:] for entry in log if entry[0] == "start"]
    return [tuple(point) for point in points], [(op, n) for op, n, _ in calls]


# Warm-up, then by turns a repeat and the message about its seconds, which is not measured.
COSTS = [[9.0, 1, 50, 2, 50, 3, 50], [9.0, 2, 50, 1, 50, 7, 50]]


@problem("distributed_communication")
def test_the_slowest_rank_and_the_median_count():
    """Three repeats take 1, 2, 3 seconds on rank 0; 2, 1, 7 on rank 1. The slowest: 2, 2, 7."""
    for rank, (points, _) in enumerate(on_ranks(2, measured, parallel.measure, [4000], 3, COSTS)):
        given = f"rank {rank} of 2: the points"
        same([tuple(map(float, point)) for point in points], [(4000.0, 2.0, 2.0)], given=given)


@problem("distributed_communication")
def test_what_is_sent():
    for points, calls in on_ranks(2, measured, parallel.measure, [400, 80], 2, [[1.0] * 20] * 2):
        sizes = [n for op, n in calls if op == "all_reduce" and n > 1]
        given = "sizes of 400 and 80 bytes, 2 repeats: numbers in each all-reduce that is measured"
        same(sizes, [100] * 3 + [20] * 3, given=given)
        n_barriers = sum(op == "barrier" for op, _ in calls)
        holds(n_barriers >= 4, "There is a barrier before each repeat.", yours=calls)
        same(len(points), 2, given="sizes of 400 and 80 bytes: number of points")


@problem("distributed_communication")
def test_the_table_of_the_handout():
    """Keys from our own least squares, in closed form for two unknowns."""
    rows = [(2 * (R - 1) / t, 2 * (R - 1) / R * n / t) for n, R, t in TABLE]
    aa, ab, bb = (sum(r[i] * r[j] for r in rows) for i, j in ((0, 0), (0, 1), (1, 1)))
    a, b = (sum(r[i] for r in rows) for i in (0, 1))
    det = aa * bb - ab * ab
    latency, slowness = (a * bb - b * ab) / det, (b * aa - a * ab) / det  # ms, ms per byte
    mistakes = {"This is in milliseconds.": latency, "This is in seconds.": latency / 1e3}
    judge("distributed_communication.latency", latency * 1e3, 0.03, mistakes)
    bandwidth = 1e3 / slowness / 1e9
    mistakes = {"That is in bytes per second.": bandwidth * 1e9}
    judge("distributed_communication.bandwidth", bandwidth, 0.03, mistakes)
    half = 2 * latency / slowness / MB  # n / bandwidth = 2 latency
    judge("distributed_communication.half_size", half, 0.05, {"This is in bytes.": half * MB})
    eight = 14 * latency + 14 / 8 * 400 * MB * slowness
    judge("distributed_communication.eight_ranks", eight, 0.03, {"In seconds.": eight / 1e3})


@problem("distributed_communication")
def test_your_own_measurements_are_there():
    words("distributed_communication.your_machine", at_least=15)
