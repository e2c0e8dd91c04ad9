"""An event loop whose clock jumps: sleeping takes no time, and every moment is exact.

Where a loop would wait for the next timer, its clock is set to when that timer is due.
"""

import asyncio
import selectors
from collections.abc import Coroutine


class JumpingSelector(selectors.SelectSelector):
    """Never waits; adds up how long it should have."""

    jumped = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError(
                    "Everybody waits for somebody else: nothing can happen any more."
                )
            self.jumped += timeout
        return ready


def run_in_virtual_time(coroutine: Coroutine):
    """Its result, and how many seconds would have passed."""
    selector = JumpingSelector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.jumped
    try:
        return loop.run_until_complete(coroutine), selector.jumped
    finally:
        loop.close()
