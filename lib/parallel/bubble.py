"""How much of a pipeline's time is bubble, by formula.

Filling and draining costs p - 1 times what one microbatch costs a rank, in steps of one stage. The
formulas hold if all ranks take the same time and messages none; `simulate_schedule` needs neither.

Letters: p ranks, m microbatches, v chunks per rank; f, b, w as in schedules.
"""


def bubble_fraction(
    kind: str,
    p: int,
    m: int,
    chunks: int = 1,
    f: float | int = 1.0,
    b: float | int = 2.0,
    w: float | int | None = None,
) -> float:
    """The share of all time that ranks wait: (p - 1) / (m + p - 1) for "gpipe" and "1f1b".

    Interleaving divides the waiting by the chunks: (p - 1) / (v m + p - 1), if m is at least p.
    Some papers divide by the time of work instead of all time, which gives (p - 1) / m.
    """
    waiting = bubble_time(kind, p, chunks, f, b, w)
    return waiting / (waiting + m * (f + b))


def bubble_time(
    kind: str,
    p: int,
    chunks: int = 1,
    f: float | int = 1.0,
    b: float | int = 2.0,
    w: float | int | None = None,
) -> float:
    """How long each rank waits: it does not depend on the number of microbatches.

    With zero bubble, backward is on the way for b - w only, and w fills what remains: (p - 1) times
    f + b - 2 w (arXiv 2401.10241, table 1), if m is at least p and w not more than f or b - w.
    """
    w = b / 2 if w is None else w
    if kind == "zero-bubble":
        return (p - 1) * float(f + b - 2 * w)
    return (p - 1) * (f + b) / chunks
