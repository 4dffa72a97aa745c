"""So that a webhook is answered while the line is busy: the stages share each turn of the loop.

A lane's batch is a hundred orders to read, at 50 µs and more each, and a dozen lanes may have one
at hand. Were each to go through its own at a stretch, one turn of the loop would last 100 ms, and a
webhook needs half a dozen turns until it is answered.
"""

import asyncio
import time

SLICE_S = 0.002
"""So much of one turn all stages take together; whoever has more goes on in the next."""


class Breath:
    """Await it between two items of work: it lets the loop go round when this turn is used up."""

    def __init__(self) -> None:
        self._turn_began = 0.0
        self._asked = False

    @property
    def due(self) -> bool:
        """Whether this turn is used up: who asks first need not await for nothing."""
        return time.monotonic() - self._turn_began >= SLICE_S

    async def __call__(self) -> None:
        """At once, or in a later turn, behind whatever has come by then."""
        while self.due:
            if not self._asked:  # runs before anybody who sleeps from here on
                self._asked = True
                asyncio.get_running_loop().call_soon(self._begin)
            await asyncio.sleep(0)

    def _begin(self) -> None:
        self._asked = False
        self._turn_began = time.monotonic()
