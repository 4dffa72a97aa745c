"""Knowing our own doing when Shopify tells it back.

What we write comes back as a webhook, and again with the next reading. Where Shopify keeps a note
(refunds, returns, cancellations), a mark in it tells for ever (`marks`). Everything else is
remembered here for a while, by what it looks like: noted *before* the call, for a webhook may
overtake the answer. A record known as an echo carries the header `ECHO_HEADER` into the landing
zone, so that translating stays pure and says the same tomorrow.

The memory is this process's own. What another runner wrote, or what comes back after KEEP_S, is
told as news; decide then treats it as evidence, for the other system owns what we carried out.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ECHO_HEADER = "x-crossdock-echo"
KEEP_S = 900.0
_MOST = 20_000


@dataclass
class Echoes:
    """What we did of late, by what it will look like. One for each open connection."""

    _until: OrderedDict[str, tuple[float, str]] = field(default_factory=OrderedDict)

    def expect(self, look: str, command_id: str) -> None:
        """Shopify will soon tell something that looks so, and this command will have done it."""
        self._until[look] = (time.monotonic() + KEEP_S, command_id)
        self._until.move_to_end(look)
        while len(self._until) > _MOST:
            self._until.popitem(last=False)

    def forget(self, look: str) -> None:
        """It was not done after all."""
        self._until.pop(look, None)

    def match(self, look: str, *, once: bool = False) -> str | None:
        """The command that did it. `once`: the same look may be somebody else's next time."""
        found = self._until.get(look)
        if found is None or found[0] < time.monotonic():
            return None
        if once:
            self.forget(look)
        return found[1]


def header(commands: Mapping[str, str]) -> dict[str, str]:
    """`{"fulfillment/12": "cmd_…"}` as the header that travels with the record."""
    if not commands:
        return {}
    return {ECHO_HEADER: " ".join(f"{what}={command}" for what, command in commands.items())}


def echoed(text: str) -> dict[str, str]:
    """What `header` wrote."""
    pairs = (part.partition("=") for part in text.split())
    return {what: command for what, _, command in pairs if command}


def shipment_look(
    order_id: str, lines: Mapping[str, int], numbers: Iterable[str], cancelled: bool
) -> str:
    """What a fulfilment of ours looks like: order, goods and tracking numbers."""
    goods = ",".join(f"{line}x{quantity}" for line, quantity in sorted(lines.items()))
    state = "cancelled" if cancelled else "live"
    return f"fulfillment:{order_id}:{goods}:{','.join(sorted(numbers))}:{state}"


def stock_look(native_id: str, available: int) -> str:
    """What a level of ours looks like: `item:location` and the figure."""
    return f"inventory:{native_id}={available}"


def change_look(kind: str, native_id: str, updated_at: str) -> str:
    """What an entity looks like after our change: Shopify's own time of it, to the second."""
    return f"{kind}:{native_id}@{updated_at}"
