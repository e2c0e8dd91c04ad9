"""What the stages of a pipeline send each other, in an order that all ranks know beforehand.

Two ranks may send each other activations and gradients, and several kinds of them if each has
several stages. Messages between two ranks arrive in the order in which they are sent. As the
schedule is known everywhere, the receiver knows that order too, and puts aside what it needs later.

Nobody waits for a message to be taken: so ranks that first send to each other are no deadlock.
Written for the CPU's gloo, whose two directions are independent.

Letters: p ranks.
"""

from collections import deque
from collections.abc import Callable

from torch import Tensor

from lib.parallel.comm import Comm, Pending
from lib.parallel.schedules import Action, Order, Step


class Mail:
    """One rank's messages. A message is named after the step that makes its content.

    `new` makes a tensor for a message about that microbatch.
    """

    def __init__(
        self, comm: Comm, orders: list[Order], n_stages: int, new: Callable[[int], Tensor]
    ) -> None:
        self.comm, self.n_stages, self.new = comm, n_stages, new
        self.here: dict[Step, Tensor] = {}
        self.sent: list[tuple[int, int, Pending]] = []  # to whom, at which action it is taken
        self.place: list[dict[Step, int]] = [  # of each step in its rank's order
            {step_of(action, rank, comm.n_ranks): n for n, action in enumerate(order)}
            for rank, order in enumerate(orders)
        ]
        self.expected = {
            rank: deque(step for step in steps if self._to(step) == comm.rank)
            for rank, steps in enumerate(self.place)
            if rank != comm.rank
        }
        self.coming: dict[int, tuple[Step, Pending]] = {}
        for source in self.expected:
            self._expect_next(source)

    def send(self, step: Step, x: Tensor) -> None:
        """Begin to send what a step has made to the stage that needs it, maybe on this rank."""
        receiver = self._to(step)
        if receiver == self.comm.rank:
            self.here[step] = x
        else:
            taken_at = self.place[receiver][self._taker(step)]
            self.sent.append((receiver, taken_at, self.comm.start_send(x, receiver)))

    def take(self, step: Step) -> Tensor:
        """What a step has made, as soon as it is here."""
        source = step[1] % self.comm.n_ranks
        while step not in self.here:
            arrived, pending = self.coming.pop(source)
            self.here[arrived] = pending.wait()
            self._forget_sent(source, self.place[source][arrived])
            self._expect_next(source)
        return self.here.pop(step)

    def finish(self) -> None:
        """Go on when all has been taken."""
        for _, _, pending in self.sent:
            pending.wait()
        self.sent.clear()

    def _expect_next(self, source: int) -> None:
        """One receive is always under way, so that messages travel while we compute."""
        if self.expected[source]:
            step = self.expected[source].popleft()
            self.coming[source] = step, self.comm.start_receive(self.new(step[2]), source)

    def _forget_sent(self, rank: int, place: int) -> None:
        """A message is a receipt: who sent it had taken what it needed by then. So this does not
        wait, and frees what we sent."""
        receipts = [entry for entry in self.sent if entry[0] == rank and entry[1] <= place]
        for _, _, pending in receipts:
            pending.wait()
        self.sent = [entry for entry in self.sent if entry not in receipts]

    def _to(self, step: Step) -> int | None:
        taker = self._taker(step)
        return None if taker is None else taker[1] % self.comm.n_ranks

    def _taker(self, step: Step) -> Step | None:
        """The step that needs it: at the stage after for F, at the one before for B."""
        kind, stage, i = step
        neighbour = {"F": stage + 1, "B": stage - 1}.get(kind, self.n_stages)
        return (kind, neighbour, i) if 0 <= neighbour < self.n_stages else None


def step_of(action: Action, rank: int, p: int) -> Step:
    """Which step of the whole pipeline it is when that rank does it."""
    return action.kind, action.chunk * p + rank, action.microbatch
