"""What one runner has measured of its channels, and the bell that wakes its stockkeeper."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

AT_ONCE = 64
"""So many figures are on their way to one channel at once: enough to fill its calls, few enough
that what is nearly sold out does not stand behind thousands."""
BURST_S = 10.0
"""Sales are counted in stretches of so long, so that a rush is seen before averages know of it."""


@dataclass
class Pace:
    """Written by the stockkeeper and decide; nothing here must survive a crash.

    `lag_s` is how long a figure takes to reach a channel; `sold` is how many pieces each channel
    sells in a second, of everything, on average; None before it was measured, or when it cannot be.
    """

    lag_s: Mapping[str, float] = field(default_factory=dict)
    sold: Mapping[str, float] | None = None
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    """Rung when a channel has answered, so that the stockkeeper tells it the newest figure."""
    open: dict[str, int] = field(default_factory=dict)
    """How many figures are on their way to each channel, as far as this runner knows; the
    stockkeeper counts anew before it takes a channel to be full."""
    _since: float = 0.0
    _now: dict[str, float] = field(default_factory=dict)
    _last: dict[str, float] = field(default_factory=dict)

    def has_room(self, channel: str) -> bool:
        """Whether one more figure may be sent to this channel now."""
        return self.open.get(channel, 0) < AT_ONCE

    @property
    def full(self) -> list[str]:
        """The channels that have no room."""
        return [name for name in self.open if not self.has_room(name)]

    def told(self, channel: str, figures: int = 1) -> None:
        """So many more are on their way there; below 0 where they were answered."""
        self.open[channel] = max(self.open.get(channel, 0) + figures, 0)

    def count(self, channel: str, pieces: float, now: float) -> None:
        """So many were sold there; below 0 where a sale came to nothing."""
        self._turn(now)
        self._now[channel] = self._now.get(channel, 0.0) + pieces

    def rate(self, now: float, channel: str | None = None) -> float | None:
        """Pieces a second of everything, at this channel or at all: the average or the rush."""
        self._turn(now)
        if self.sold is None:
            return None
        rush = {
            name: max(self._of(name, self._now), self._of(name, self._last))
            for name in self._now | self._last
        }
        names = {*self.sold, *rush} if channel is None else {channel}
        return sum(max(self.sold.get(name, 0.0), rush.get(name, 0.0)) for name in names)

    def _of(self, channel: str, counted: Mapping[str, float]) -> float:
        return max(counted.get(channel, 0.0), 0.0) / BURST_S

    def _turn(self, now: float) -> None:
        if now >= self._since + BURST_S:
            self._last = self._now if now < self._since + 2 * BURST_S else {}
            self._now, self._since = {}, now
