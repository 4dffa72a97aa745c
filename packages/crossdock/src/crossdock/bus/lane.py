"""An ordered, durable pull consumer that one live runner at a time works on.

nats-py knows no priority groups, so a Lane speaks to `$JS.API` itself (ADR-42, policy
`pinned_client`): the server gives all messages of a lane to one client until that client stops
asking, then pins another. Two pulls are kept outstanding on one subscription; the server's
max_ack_pending bounds what can pile up here.
"""

import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from crossdock.bus.link import Link
from crossdock.bus.wire import FIRST_LINE, FastClient
from crossdock.errors import UnavailableError

log = logging.getLogger("crossdock.bus")

GROUP = "runner"
PIN = "Nats-Pin-Id"
PULL_BATCH = 100
PULL_EXPIRES_S = 3.0
PULLS = 2
MISSING_S = 0.25
"""How long to wait before asking again a stream or consumer that is not there."""
DRAIN_S = 2.0
HOLD_S = 2.0
"""So often the server is told that what waits here is not forgotten: well within its ack wait."""
CLAIM_CHECK_BYTES = 512 * 1024
"""A larger body stays in the ledger; the message carries its claim in `ce-dataref`."""
_CLAIM = b"\r\nce-dataref:"
PIN_TTL_S = 8.0
"""A pinned runner that asks for nothing this long has lost the lane."""


class Delivery:
    """One message as the server gave it; `sequence` is its place in the stream.

    It keeps what came over the wire: headers are read when somebody asks for them.
    """

    def __init__(self, head: bytes, body: bytes, reply: bytes, subject: bytes) -> None:
        self.head = head
        self.body = body
        self.reply = reply
        """Where the server wants to hear what became of it (`$JS.ACK.…`)."""
        self._subject = subject

    @cached_property
    def headers(self) -> dict[str, str]:
        """By name; of one that comes twice the last."""
        return FastClient._parse_header_lines(self.head[len(FIRST_LINE) :])

    @property
    def weight(self) -> int:
        """Bytes it takes to hold it, at least."""
        claimed = CLAIM_CHECK_BYTES if _CLAIM in self.head else 0
        return len(self.head) + len(self.body) + claimed

    @property
    def address(self) -> str:
        """Where it was published."""
        return self._subject.decode()

    @property
    def sequence(self) -> int:
        """Stream sequence, read from the ack address."""
        return int(_place(self.reply))

    @property
    def deliveries(self) -> int:
        """How often the server has given it out, this time included."""
        parts = self.reply.split(b".")
        return int(parts[6] if len(parts) >= 11 else parts[4])


def _place(reply: bytes) -> bytes:
    parts = reply.split(b".")
    return parts[7] if len(parts) >= 11 else parts[5]


class Lane:
    """One consumer of one stream: `batch`, work, ledger, then `ack`.

    `missing` is called when the server says that stream or consumer are not there.
    """

    def __init__(
        self,
        link: Link,
        stream: str,
        durable: str,
        missing: Callable[[], None] = lambda: None,
    ) -> None:
        self._missing = missing
        self.stream = stream
        self.durable = durable
        self._link = link
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._queue: dict[bytes, Delivery] = {}
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._wanted = 0
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._pulls: dict[str, list[float]] = {}
        self._count = 0
        self._pin = ""
        self._pin_line = b""
        self._holding: asyncio.TimerHandle | None = None
        self._paused = True
        link.on_fresh.append(self._bind)
        link.on_again.append(self._ask_anew)

    async def start(self) -> None:
        """Begin to ask for messages."""
        self._paused = False
        if self._subscription is None:
            await self._bind(self._link.client)
        else:
            self._ask()

    def pause(self) -> None:
        """Ask for no more; what the server has already sent still comes, and `batch` gives it."""
        self._paused = True

    async def stop(self) -> None:
        """Ask for no more, and leave the lane to another at once.

        What was given and not taken by `batch` is given back, to be delivered again now instead of
        when its time has run out; the server keeps no order among it. So `pause` first, and take
        until `batch` is silent. This is the one place for a nak without delay, for nobody here
        asks any more. Batches that were taken must be acknowledged before.
        """
        self._paused = True
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._link.client.is_closed:
            try:
                async with asyncio.timeout(DRAIN_S):
                    await subscription.drain()  # type: ignore[no-untyped-call]
            except (TimeoutError, nats.errors.Error) as error:
                log.info("%s: left in a hurry (%s)", self.durable, error)
        given, self._queue = list(self._queue.values()), {}
        pin, self._pin = self._pin, ""
        if subscription is None or self._link.client.is_closed:
            return  # nobody can be told; what was given comes again when its time has run out
        self._tell(given, b"-NAK")
        if pin:  # else the next runner waits until the pin has run out
            unpin = f"$JS.API.CONSUMER.UNPIN.{self.stream}.{self.durable}"
            await self._link.client.publish(unpin, json.dumps({"group": GROUP}).encode())

    async def _bind(self, client: Client) -> None:
        if self._paused:
            return
        assert isinstance(client, FastClient)
        self._inbox = client.new_inbox() + "."
        self._subscription = await client.subscribe_direct(
            self._inbox + "*", self._given, self._told
        )
        await self._ask_anew(client)

    async def _ask_anew(self, _: Client) -> None:
        self._pulls.clear()
        self._pin = ""
        self._ask()

    def _ask(self) -> None:
        now = time.monotonic()
        for token, (_, deadline) in list(self._pulls.items()):
            if now > deadline:
                del self._pulls[token]
        while len(self._pulls) < PULLS and not self._paused:
            self._count += 1
            token = str(self._count)
            request: dict[str, Any] = {
                "batch": PULL_BATCH,
                "expires": int(PULL_EXPIRES_S * 1e9),
                "group": GROUP,
            }
            if self._pin:
                request["id"] = self._pin
            self._pulls[token] = [PULL_BATCH, now + PULL_EXPIRES_S + 1.0]
            body = json.dumps(request)
            command = f"PUB {self._next} {self._inbox}{token} {len(body)}\r\n{body}\r\n"
            try:
                self._link.client.write_soon([command.encode()])
            except (UnavailableError, nats.errors.Error, OSError):
                self._pulls.clear()
                return

    def _given(self, subject: bytes, reply: bytes, head: bytes, body: bytes) -> bool:
        """One message, as `Sink`; the server's words about a pull take the long way."""
        if not reply or (head and not head.startswith(FIRST_LINE)):
            return False
        self._keep(Delivery(head, body, reply, subject))
        return True

    async def _told(self, msg: Msg) -> None:
        headers = msg.headers or {}
        status = headers.get("Status")
        if msg.reply or status is None:
            delivery = Delivery(b"", msg.data, msg.reply.encode(), msg.subject.encode())
            delivery.headers = headers
            self._keep(delivery)
            return
        if status == "100":
            return
        self._pulls.pop(msg.subject[len(self._inbox) :], None)
        if status == "423":  # another client holds the pin, or ours has expired
            self._pin = ""
            self._pulls.clear()
        elif status not in {"404", "408"}:
            log.info("%s: %s %s", self.durable, status, headers.get("Description", ""))
        if status == "503" or "Deleted" in headers.get("Description", ""):
            self._missing()
            await asyncio.sleep(MISSING_S)
        elif status not in {"404", "408"}:
            await asyncio.sleep(0.05)  # never spin on a refusal
        self._ask()

    def _keep(self, delivery: Delivery) -> None:
        if not self._pin or self._pin_line not in delivery.head:
            self._pin = delivery.headers.get(PIN, self._pin)
            self._pin_line = f"\r\n{PIN}: {self._pin}\r\n".encode()
        # a message arrives under its own address, so it is counted to the oldest pull: the server
        # serves pulls in the order they were asked
        if self._pulls:
            oldest = next(iter(self._pulls))
            pull = self._pulls[oldest]
            pull[0] -= 1
            if pull[0] <= 0:
                del self._pulls[oldest]
                self._ask()
        # a redelivery of what still waits here takes its place: a paused reader piles up nothing
        self._queue[_place(delivery.reply)] = delivery
        if self._holding is None:
            self._hold_soon()
        self._arrived.set()
        if len(self._queue) >= self._wanted:
            self._enough.set()

    def _hold_soon(self) -> None:
        self._holding = asyncio.get_running_loop().call_later(HOLD_S, self._hold)

    def _hold(self) -> None:
        """What waits for `batch` behind a slow one must not be given out again meanwhile."""
        self._holding = None
        if self._queue:
            self._tell(list(self._queue.values()), b"+WPI")
            self._hold_soon()

    async def batch(
        self,
        *,
        count: int = 100,
        size: int = 1024 * 1024,
        age_s: float = 0.02,
        wait_s: float = 1.0,
    ) -> list[Delivery]:
        """Up to `count` messages or `size` bytes, in stream order; empty after `wait_s` of silence.

        After the first message it waits at most `age_s` for more. A body that stayed in the ledger
        is read from there by whoever takes the batch, so it weighs what it has at least.
        """
        if not self._queue:
            self._arrived.clear()
            self._ask()  # pulls whose answer was lost are replaced here
            try:
                await asyncio.wait_for(self._arrived.wait(), wait_s)
            except TimeoutError:
                return []
        if len(self._queue) < count and age_s > 0:
            self._wanted = count
            self._enough.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), age_s)
        out: list[Delivery] = []
        weight = 0
        for sequence, delivery in list(itertools.islice(self._queue.items(), count)):
            weight += delivery.weight
            if out and weight > size:
                break
            out.append(delivery)
            del self._queue[sequence]
        return out

    @property
    def waiting(self) -> int:
        """Messages given to us and not yet taken by `batch`."""
        return len(self._queue)

    async def ack(self, deliveries: list[Delivery]) -> None:
        """Tell the server these are done. Not confirmed: the inbox absorbs a redelivery."""
        self._tell(deliveries, b"+ACK")

    async def in_progress(self, deliveries: list[Delivery]) -> None:
        """Ask for more time before redelivery."""
        self._tell(deliveries, b"+WPI")

    async def nak(self, deliveries: list[Delivery], delay_s: float) -> None:
        """Give back, to be delivered again after `delay_s`; a bare nak would be instant."""
        body = b'-NAK {"delay": %d}' % max(int(delay_s * 1e9), 1_000_000)
        self._tell(deliveries, body)

    def _tell(self, deliveries: list[Delivery], body: bytes) -> None:
        try:
            self._link.client.publish_to_each([one.reply for one in deliveries], body)
        except (UnavailableError, nats.errors.Error, OSError) as error:
            log.info("%s: acks not sent (%s); redelivery will repeat them", self.durable, error)
