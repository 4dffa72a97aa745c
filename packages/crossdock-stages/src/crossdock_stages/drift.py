"""DRIFT: a field that a vendor never sent before is told once, with its sample; nothing fails.

Translate shows every payload that says something; what is known of its topic is kept in memory and
in the ledger. Of a topic whose fields its connector declares, each other field is news; any other
topic is learnt from its first LEARN_FROM payloads.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from crossdock.canonical import Drift
from crossdock.canonical.texts import rfc3339
from crossdock.connector import Connector
from crossdock.events import Envelope
from crossdock.identity import entity_id, event_id
from crossdock.knownfields import ANYTHING, KnownFields, Unknown
from crossdock.masking import sample_of, type_of
from sqlalchemy.engine import Connection

from crossdock_stages.harness import Item
from crossdock_stages.ledger import fields, traffic
from crossdock_stages.ledger.fields import Field, Topic
from crossdock_stages.ledger.traffic import ToSend
from crossdock_stages.topology import Topology

LEARN_FROM = 20
"""Payloads that teach a topic: what is often missing has been seen by then."""
MOST_SIBLINGS = 100
"""When so many members of one object were news, its keys are data; nothing below it is, then."""
MOST_TOPICS = 1_000
"""Of all connections together; a vendor with more has data in its topics."""
OURSELVES = "crossdock"


@dataclass
class _Known:
    """What is remembered of one topic."""

    fields: KnownFields
    taught_by: int
    siblings: Counter[str] = field(default_factory=Counter)
    """How many members of each object were news."""


@dataclass
class _Seen:
    """One field that a batch brought: in how many payloads, and in which first."""

    unknown: Unknown
    landing_id: str
    payloads: int = 0


@dataclass
class Look:
    """What one batch of payloads brought, until it is written and learnt."""

    seen: dict[Topic, dict[str, _Seen]] = field(default_factory=dict)
    payloads: Counter[Topic] = field(default_factory=Counter)
    """Of topics that are still learnt."""

    def __bool__(self) -> bool:
        return bool(self.seen or self.payloads)


class Watch:
    """Knows the fields of every topic; one for all lanes of a process."""

    def __init__(self, topology: Topology, connectors: Mapping[str, Connector]) -> None:
        self.topology = topology
        self.connectors = connectors
        self._topics: dict[Topic, _Known] = {}

    def new_to_me(self, items: Iterable[Item]) -> set[Topic]:
        """Topics among these that must be read from the ledger first."""
        if len(self._topics) >= MOST_TOPICS:
            return set()
        found = {_topic(item) for item in items} - self._topics.keys()
        return {topic for topic in found if topic[0] in self.connectors}

    def remember(self, known: Mapping[Topic, list[Field]]) -> None:
        """Take over what the ledger knows."""
        for topic, rows in known.items():
            if topic in self._topics:
                continue  # another lane was quicker
            declared = self.connectors[topic[0]].fields_of(topic[1])
            names = [row.field for row in rows if row.field]
            taught_by = LEARN_FROM if declared else sum(r.payloads for r in rows if not r.field)
            one = _Known(KnownFields([*declared, *names]), taught_by)
            one.siblings.update(_parent(row.field) for row in rows if row.told)
            self._topics[topic] = one

    def look(self, item: Item, into: Look) -> None:
        """See one payload. What is known already costs a few microseconds."""
        topic = _topic(item)
        known = self._topics.get(topic)
        if known is None:
            return
        if known.taught_by < LEARN_FROM:
            into.payloads[topic] += 1
        for one in known.fields.unknown(item.body):
            seen = into.seen.setdefault(topic, {})
            seen.setdefault(one.field, _Seen(one, item.id)).payloads += 1

    def write(self, tx: Connection, look: Look, now: float) -> list[ToSend]:
        """Note it in the ledger; the events about what nobody had noted before."""
        sends = []
        for topic, payloads in look.payloads.items():
            fields.taught(tx, topic, payloads, now)
        for topic, seen in look.seen.items():
            rows = [
                _row(topic, one, now, told=told)
                for one, told in self._judged(topic, seen)
                if len(one.unknown.field) <= fields.LONGEST
            ]
            mine = fields.add(tx, rows)
            values = {one.unknown.field: one.unknown.value for one in seen.values()}
            sends += [
                self._event(row, values.get(row.field))
                for row in rows
                if row.told and (*topic, row.field) in mine
            ]
        traffic.add_outgoing(tx, sends, now)
        return sends

    def learn(self, look: Look) -> None:
        """It is written: from now on it is known."""
        for topic, seen in look.seen.items():
            known = self._topics[topic]
            for one, told in self._judged(topic, seen):
                known.fields.learn([one.unknown.field])
                known.siblings[_parent(one.unknown.field)] += told
        for topic, payloads in look.payloads.items():
            self._topics[topic].taught_by += payloads

    def _judged(self, topic: Topic, seen: Mapping[str, _Seen]) -> list[tuple[_Seen, bool]]:
        """Each field with whether it is news; of an object whose keys are data only one word."""
        known = self._topics[topic]
        if known.taught_by < LEARN_FROM:
            return [(one, False) for one in seen.values()]
        new = Counter(_parent(one.unknown.field) for one in seen.values() if one.unknown.told)
        many = {place for place, n in new.items() if n + known.siblings[place] > MOST_SIBLINGS}
        found = [
            (one, one.unknown.told)
            for one in seen.values()
            if not any(f"{one.unknown.field}/".startswith(f"{place}/") for place in many)
        ]
        for place in many:
            first = next(one for one in seen.values() if _parent(one.unknown.field) == place)
            whole = Unknown(f"{place}/{ANYTHING}", first.unknown.value, told=True)
            found.append((_Seen(whole, first.landing_id, first.payloads), True))
        return found

    def _event(self, row: Field, value: object) -> ToSend:
        own = entity_id(OURSELVES, "drift", f"{row.connection}/{row.topic}/{row.field}")
        moment = datetime.fromtimestamp(row.at, UTC)
        data = Drift(
            id=own,
            connection=row.connection,
            topic=row.topic,
            pointer=row.field,
            type=type_of(value),
            sample=row.sample,
            payload=row.landing_id,
            count=row.payloads,
            found_at=moment,
        )
        body = data.dump()
        envelope = Envelope(
            id=event_id(own, "drift.found", "", ""),
            source=self.topology.source(OURSELVES),
            type=f"crossdock.drift.found.v{Drift.major}",
            subject=own,
            key=own,
            time=rfc3339(moment),
            connection=OURSELVES,
            correlation=row.landing_id,
        )
        return ToSend(
            message=self.topology.event(envelope, body),
            body=body,
            connection="",
            type="drift.found",
            entity_id=own,
            entity_key=own,
            cause=row.landing_id,
        )


def _topic(item: Item) -> Topic:
    return item.envelope.connection, item.envelope.topic


def _parent(place: str) -> str:
    return place.rpartition("/")[0]


def _row(topic: Topic, one: _Seen, now: float, *, told: bool) -> Field:
    unknown = one.unknown
    return Field(
        connection=topic[0],
        topic=topic[1],
        field=unknown.field,
        told=told,
        landing_id=one.landing_id,
        sample=sample_of(unknown.value, unknown.field) if told else "",
        payloads=one.payloads,
        at=now,
    )
