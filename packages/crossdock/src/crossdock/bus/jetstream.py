"""The bus: three streams, their partitions, and the rules that keep them safe.

Each rule was learnt from a measured fault (research/reliability.md 2b–2d) and has a
characterisation test: pull only; explicit ack; delays computed by us, never a bare nak and never
the server's backoff; discard new, no max_age; declare, then read back and refuse to start when the
server's answer differs; separate connections for publishing and consuming.
"""

import asyncio
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import nats.errors

from crossdock.bus.lane import GROUP, PIN_TTL_S, Lane
from crossdock.bus.link import Link
from crossdock.bus.publisher import Ack, Outgoing, Publisher
from crossdock.errors import ConfigError, CrossdockError, UnavailableError

log = logging.getLogger("crossdock.bus")

API_S = 5.0
"""How long a question to `$JS.API` may take."""
TROUBLE_S = 2.0
"""Whoever asks how the bus is will not wait longer."""
MINIMUM_SERVER = (2, 12)
ACK_WAIT_S = 6.0
MAX_ACK_PENDING = 400
DUPLICATE_WINDOW_S = 120
SETTLE_S = 0.5
"""How long after a loss it is declared again. A stream made while its namesake is still being
deleted loses its files to that deletion, and then stores and confirms nothing (seen, 2.15.1)."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One stream as we want it. Retention `workqueue`: one reader; `interest`: every durable's."""

    name: str
    subjects: tuple[str, ...]
    retention: str
    replicas: int = 1
    max_bytes: int = 2 * 1024**3

    def config(self) -> dict[str, Any]:
        """The server's own words for it."""
        return {
            "name": self.name,
            "subjects": list(self.subjects),
            "retention": self.retention,
            "storage": "file",
            "discard": "new",
            "max_age": 0,
            "max_msgs": -1,
            "max_bytes": self.max_bytes,
            "num_replicas": self.replicas,
            "duplicate_window": DUPLICATE_WINDOW_S * 1_000_000_000,
            "allow_direct": True,
        }


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """One durable lane of a stream: what it is called and which addresses it reads."""

    stream: str
    name: str
    filter: str

    def config(self) -> dict[str, Any]:
        """The server's own words for it."""
        return {
            "durable_name": self.name,
            "name": self.name,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(ACK_WAIT_S * 1e9),
            "max_deliver": -1,
            "max_ack_pending": MAX_ACK_PENDING,
            "filter_subject": self.filter,
            "replay_policy": "instant",
            "priority_groups": [GROUP],
            "priority_policy": "pinned_client",
            "priority_timeout": int(PIN_TTL_S * 1e9),
        }


class Bus:
    """Two links, a publisher, and lanes. Enter it with `async with`, then `declare`.

    A `patient` bus may be entered and declared while no server is there: what is published waits.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "crossdock",
        credentials: str | None = None,
        patient: bool = False,
    ) -> None:
        self._patient = patient
        self._out = Link(url, f"{name} publish", credentials=credentials, patient=patient)
        self._in = Link(url, f"{name} consume", credentials=credentials, patient=patient)
        self._publisher = Publisher(self._out, self._missing)
        self._streams: tuple[Stream, ...] = ()
        self._consumers: tuple[Consumer, ...] = ()
        self._declaring = asyncio.Lock()
        self._out.on_fresh.append(self._declare_again)
        self._out.on_again.append(self._declare_again)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._out.__aenter__()
        await self._in.__aenter__()
        if not self._patient:
            self._must_be_new_enough()
        return self

    def _must_be_new_enough(self) -> None:
        version = self._out.client.connected_server_version
        if (version.major, version.minor) < MINIMUM_SERVER:
            raise ConfigError(
                f"the bus is nats-server {version.major}.{version.minor}, "
                f"Crossdock needs {MINIMUM_SERVER[0]}.{MINIMUM_SERVER[1]} or later: "
                "older ones ignore settings we rely on without an error"
            )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._publisher.close()
        await self._in.__aexit__(kind, error, trace)
        await self._out.__aexit__(kind, error, trace)

    @property
    def connected(self) -> bool:
        """Both links have a server."""
        return self._in.connected and self._out.connected

    async def trouble(self) -> str:
        """What keeps the bus from its work, in words; empty when nothing does.

        A connection is not enough: a cluster without a majority takes one and answers nothing, and
        a stream that somebody made anew in another way is there.
        """
        if not self.connected:
            return "the bus is not connected"
        try:
            async with asyncio.timeout(TROUBLE_S):
                await asyncio.gather(*(self._see(stream) for stream in self._streams))
        except TimeoutError:
            return "the bus does not answer"
        except CrossdockError as error:
            return str(error)
        return ""

    async def _see(self, stream: Stream) -> None:
        found = await self._api(f"STREAM.INFO.{stream.name}")
        if "error" in found:
            said = found["error"].get("description")
            raise UnavailableError(f"the bus has no stream {stream.name}: {said}", outcome="failed")
        _compare(f"stream {stream.name}", stream.config(), found)

    @property
    def reconnects(self) -> int:
        """How often either link came back."""
        return self._in.reconnects + self._out.reconnects

    async def declare(self, streams: Iterable[Stream], consumers: Iterable[Consumer]) -> None:
        """Make what is missing, then read everything back.

        ConfigError names stream or consumer, setting, what we want and what the server has.
        UnavailableError while no server answers; a patient bus declares when one does.
        """
        self._streams, self._consumers = tuple(streams), tuple(consumers)
        async with self._declaring:
            try:
                await self._declare()
            except UnavailableError as error:
                if not self._patient:
                    raise
                log.warning("%s; the bus is declared when it is there", error)

    async def _declare_again(self, _: object) -> None:
        """After a reconnect the store may be a new one."""
        self._missing()

    def _missing(self) -> None:
        """Make the streams again, in a task; at most once at a time."""
        if self._streams and not self._tasks and not self._declaring.locked():
            task = asyncio.create_task(self._declare_until_done(), name="declare again")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _declare_until_done(self) -> None:
        async with self._declaring:
            for _ in range(60):
                await asyncio.sleep(SETTLE_S)
                try:
                    await self._declare()
                except UnavailableError as error:
                    log.info("declaring again: %s", error)
                except ConfigError as error:
                    log.error("declaring again: %s", error)  # noqa: TRY400 - it tells all there is
                    return
                else:
                    return

    async def _declare(self) -> None:
        self._must_be_new_enough()
        for stream in self._streams:
            wanted = stream.config()
            found = await self._api(f"STREAM.INFO.{stream.name}")
            if "error" in found:
                found = await self._api(f"STREAM.CREATE.{stream.name}", wanted)
            _compare(f"stream {stream.name}", wanted, found)
        for consumer in self._consumers:
            wanted = consumer.config()
            found = await self._api(f"CONSUMER.INFO.{consumer.stream}.{consumer.name}")
            if "error" in found:
                found = await self._api(
                    f"CONSUMER.CREATE.{consumer.stream}.{consumer.name}.{consumer.filter}",
                    {"stream_name": consumer.stream, "config": wanted, "action": "create"},
                )
            _compare(f"consumer {consumer.name}", wanted, found)

    async def _api(self, call: str, body: object = None) -> dict[str, Any]:
        payload = b"" if body is None else json.dumps(body).encode()
        try:
            # nats-py's own limit loses a cancellation that meets the answer: whoever asks for ever
            # would never end, and nor would the runner
            async with asyncio.timeout(API_S):
                msg = await self._out.client.request(
                    f"$JS.API.{call}",
                    payload,
                    timeout=None,  # type: ignore[arg-type]
                )
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise UnavailableError(
                f"the bus does not answer {call}: {type(error).__name__}", outcome="unknown"
            ) from error
        answer: dict[str, Any] = json.loads(msg.data)
        return answer

    async def publish(self, messages: Iterable[Outgoing]) -> list[Ack | CrossdockError]:
        """See `Publisher.publish`."""
        return await self._publisher.publish(messages)

    def lane(self, consumer: Consumer) -> Lane:
        """A reader of a declared consumer."""
        return Lane(self._in, consumer.stream, consumer.name, self._missing)

    async def oldest(self, stream: str, addresses: str) -> float | None:
        """When the oldest message there that is not acknowledged was stored, in epoch seconds.

        `addresses` is a lane's filter, or `....>` for all lanes of the stream. None when there is
        none: whatever was published there has been taken, or was lost. What lies below a reader's
        ack floor is not counted: see `release`.
        """
        every = addresses.endswith(">")
        lanes = [one for one in self._consumers if one.stream == stream]
        readers = [one for one in lanes if every or one.filter == addresses]
        if not readers:  # nobody here reads it, so nothing is known of what was acknowledged
            found = await self._first(stream, addresses, 1)
            return None if found is None else found[1]
        ages = [
            await self._first(stream, one.filter, await self._floor(one) + 1) for one in readers
        ]
        return min((found[1] for found in ages if found is not None), default=None)

    async def release(self) -> int:
        """Delete what was acknowledged and is held all the same; how many messages.

        A nats-server killed without warning may know that a message was acknowledged and yet still
        hold it in a stream of retention `workqueue` (seen, 2.15.1: 603 of 83,180 after 62 kills).
        No reader is ever given such a message, it fills the stream, and by its age everything
        after it would look as if it were still on its way.
        """
        held = {one.name for one in self._streams if one.retention == "workqueue"}
        count = 0
        for consumer in self._consumers:
            if consumer.stream not in held:
                continue
            floor = await self._floor(consumer)
            found = await self._first(consumer.stream, consumer.filter, 1)
            if found is None or found[0] > floor:
                continue
            purge = {"filter": consumer.filter, "seq": floor + 1}
            answer = await self._api(f"STREAM.PURGE.{consumer.stream}", purge)
            count += int(answer.get("purged", 0))
        return count

    async def _floor(self, consumer: Consumer) -> int:
        """Everything of its lane up to this place in the stream is acknowledged."""
        answer = await self._api(f"CONSUMER.INFO.{consumer.stream}.{consumer.name}")
        return 0 if "error" in answer else int(answer["ack_floor"]["stream_seq"])

    async def _first(self, stream: str, addresses: str, place: int) -> tuple[int, float] | None:
        """Place and time of the first message from this place on; to the whole second."""
        asked = {"seq": place, "next_by_subj": addresses}
        answer = await self._api(f"STREAM.MSG.GET.{stream}", asked)
        if "error" in answer:
            return None
        message = answer["message"]
        stored = datetime.fromisoformat(str(message["time"])[:19] + "+00:00")
        return int(message["seq"]), stored.timestamp()

    async def depth(self, stream: str) -> int:
        """How many messages the stream holds."""
        answer = await self._api(f"STREAM.INFO.{stream}")
        if "error" in answer:
            return 0
        return int(answer["state"]["messages"])


def _compare(what: str, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    if "error" in found:
        error = found["error"]
        if error.get("code", 500) >= 500 and error.get("err_code") not in {10052, 10074}:
            raise UnavailableError(f"{what}: {error.get('description')}", outcome="failed")
        raise ConfigError(f"{what} cannot be made: {error.get('description')}")
    config = found["config"]
    for key, value in wanted.items():
        has = config.get(key, type(value)())
        if has != value:
            raise ConfigError(
                f"{what}: {key} is {has!r} at the server, we need {value!r}; "
                "drain and delete it, or correct the server, then start again"
            )
