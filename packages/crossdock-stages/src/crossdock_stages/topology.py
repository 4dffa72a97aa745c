"""Streams, lanes and addresses: what a deployment looks like on the bus.

    xd.raw.<connection>.<lane>                     stream RAW       read by translate
    xd.events.<entity>.<fact>.<lane>               stream EVENTS    read by decide
    xd.commands.<connection>.<entity>.<verb>.<lane>  stream COMMANDS  read by deliver

A lane is the hash of the key of the entity whose sequence a message belongs to, so that all that
concerns one order travels in one lane, in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from crossdock.bus import CLAIM_CHECK_BYTES, Consumer, Outgoing, Stream
from crossdock.events import Envelope, now_text
from crossdock.identity import partition
from crossdock.jsontext import dump_quickly

from crossdock_stages.ledger.landing import Landed

RAW, EVENTS, COMMANDS = "XD_RAW", "XD_EVENTS", "XD_COMMANDS"
REPLAY, BACKFILL = "replay", "backfill"
"""Modes of what is not live: told again by a person, or from before we came. Both travel in the
lane named after the first."""


@dataclass(frozen=True, kw_only=True)
class Topology:
    """How many lanes each stage has, and for how many replicas its streams are kept."""

    environment: str = "default"
    lanes: int = 4
    replicas: int = 1

    def streams(self) -> tuple[Stream, ...]:
        """The three streams. EVENTS is kept for every reader, the others for their one."""
        return (
            Stream(name=RAW, subjects=("xd.raw.>",), retention="workqueue", replicas=self.replicas),
            Stream(
                name=EVENTS, subjects=("xd.events.>",), retention="interest", replicas=self.replicas
            ),
            Stream(
                name=COMMANDS,
                subjects=("xd.commands.>",),
                retention="workqueue",
                replicas=self.replicas,
            ),
        )

    def translate_lanes(self) -> list[Consumer]:
        """One for each lane of RAW."""
        return [
            Consumer(stream=RAW, name=f"translate-{lane}", filter=f"xd.raw.*.{lane}")
            for lane in self._lanes()
        ]

    def decide_lanes(self) -> list[Consumer]:
        """One for each lane of EVENTS."""
        return [
            Consumer(stream=EVENTS, name=f"decide-{lane}", filter=f"xd.events.*.*.{lane}")
            for lane in self._lanes()
        ]

    def deliver_lanes(self, connection: str) -> list[Consumer]:
        """One for each lane of one target: a target that is down holds up nobody else."""
        return [
            Consumer(
                stream=COMMANDS,
                name=f"deliver-{connection}-{lane}",
                filter=f"xd.commands.{connection}.*.*.{lane}",
            )
            for lane in self._lanes()
        ]

    def _lanes(self) -> list[str]:
        """The live lanes, and one for replays and backfills: old news never holds up new."""
        return [*map(str, range(self.lanes)), REPLAY]

    def _lane(self, envelope: Envelope) -> str:
        return REPLAY if envelope.mode else str(partition(envelope.key, self.lanes))

    def source(self, connection: str) -> str:
        """The CloudEvents source of what this connection says."""
        return f"crossdock://{self.environment}/{connection}"

    def raw(self, row: Landed) -> Outgoing:
        """The message that tells translate of a landed payload."""
        key = f"{row.connection}:{row.entity_key or row.id}"
        envelope = Envelope(
            id=row.id,
            source=self.source(row.connection),
            type="crossdock.raw.landed.v1",
            subject=row.entity_key or row.id,
            key=key,
            time=now_text(),
            connection=row.connection,
            landing=row.id,
            topic=row.topic,
            vendor=dump_quickly(dict(row.headers)).decode() if row.headers else "",
            mode=row.mode,
        )
        address = f"xd.raw.{row.connection}.{self._lane(envelope)}"
        return seal(envelope, row.body, address, claim=f"landing:{row.id}")

    def event(self, envelope: Envelope, body: bytes) -> Outgoing:
        """An event on its way to decide."""
        address = f"xd.events.{envelope.name}.{self._lane(envelope)}"
        return seal(envelope, body, address, claim=f"claim:{envelope.id}")

    def command(self, envelope: Envelope, body: bytes, target: str) -> Outgoing:
        """A command on its way to `target`."""
        address = f"xd.commands.{target}.{envelope.name}.{self._lane(envelope)}"
        return seal(envelope, body, address, claim=f"outbox:{envelope.id}")


def lane_of(address: str) -> tuple[str, str]:
    """The stream that holds an address, and the pattern of its lane's addresses."""
    parts = address.split(".")
    if parts[1] == "raw":
        return RAW, f"xd.raw.*.{parts[-1]}"
    if parts[1] == "events":
        return EVENTS, address if address.endswith(">") else f"xd.events.*.*.{parts[-1]}"
    return COMMANDS, f"xd.commands.{parts[2]}.*.*.{parts[-1]}"


def seal(envelope: Envelope, body: bytes, address: str, *, claim: str) -> Outgoing:
    """Envelope and body as one message; a body that is too large stays behind its claim."""
    if len(body) > CLAIM_CHECK_BYTES:
        envelope, body = envelope.with_claim(claim), b""
    return Outgoing(address=address, body=body, headers=envelope.headers(), id=envelope.id)


def again(message: Outgoing, attempts: int) -> Outgoing:
    """The same message for another try: a new `Nats-Msg-Id`, or the bus would drop it."""
    headers: Mapping[str, str] = {**message.headers, "ce-retry": str(attempts)}
    return replace(message, headers=headers, id=f"{message.id}~{attempts}")
