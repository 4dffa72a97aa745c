"""TRANSLATE: what does this raw payload say, in canonical events?

The step keeps no state: its events have deterministic ids, so doing it twice says the same twice.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from crossdock.bus import Outgoing
from crossdock.canonical import Entity, EntityRef, Exchange, Fulfillment, Price
from crossdock.canonical.entity import contract_error
from crossdock.canonical.texts import rfc3339
from crossdock.connector import Connector, Ignore
from crossdock.errors import ContractError, TransientError
from crossdock.events import EVENT_TYPES, Envelope, Fact, Raw, Statement, now_text
from crossdock.frozen import made_at_once
from crossdock.identity import entity_id, event_id, fingerprint
from crossdock.jsontext import shorten
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from crossdock_stages import recovery
from crossdock_stages.drift import Look, Watch
from crossdock_stages.harness import House, Item, in_line
from crossdock_stages.ledger import desk, fields, landing
from crossdock_stages.ledger.landing import Translated
from crossdock_stages.ledger.store import upsert
from crossdock_stages.ledger.tables import claims
from crossdock_stages.ledger.traffic import ToSend
from crossdock_stages.topology import REPLAY, Topology

MAX_KEY = 64
"""As long as the ledger's column; our own ids have 30 characters."""


@made_at_once
@dataclass(frozen=True)
class Said:
    """One event, complete: addressed, identified, in bytes."""

    envelope: Envelope
    body: bytes


def say(
    connection: str,
    connector: Connector,
    raw: Raw,
    *,
    source: str,
    landing_id: str = "",
    mode: str = "",
) -> list[Said]:
    """What `raw` says, with canonical ids filled in. Pure but for the clock in `ce-time`.

    ContractError names connector and topic, pointer and value. Ignore passes through.
    """
    try:
        return [
            _complete(fact, connection, raw, source, landing_id, mode)
            for fact in connector.translate(raw)
        ]
    except (ContractError, ValidationError) as error:
        raise _named(error, connector, raw) from error


@dataclass(frozen=True, kw_only=True)
class Meant:
    """One fact as its source holds it: under which id of ours, and neither sent nor written out."""

    raw: Raw
    type: str
    connection: str
    subject: str
    native: str
    revision: str
    data: Entity
    """With the source's own references; those of ours are not filled in."""


def meant(connection: str, connector: Connector, raw: Raw) -> list[Meant]:
    """What `raw` says, for comparing it: a third of the work of `say`, and the same errors."""
    try:
        return [
            Meant(
                raw=raw,
                type=fact.type,
                connection=connection,
                subject=entity_id(connection, fact.kind, fact.native_id),
                native=fact.native_id,
                revision=_revision_text(fact.revision),
                data=fact.data,
            )
            for fact in connector.translate(raw)
        ]
    except (ContractError, ValidationError) as error:
        raise _named(error, connector, raw) from error


def _named(error: ContractError | ValidationError, connector: Connector, raw: Raw) -> ContractError:
    """A fault of the content, with the name of whose dialect it is."""
    fault = contract_error(error.title, error) if isinstance(error, ValidationError) else error
    return ContractError(
        f"{connector.name} {raw.topic}: {fault.message}",
        pointer=fault.pointer,
        value=fault.value,
        parts=fault.parts,
    )


def _complete(
    fact: Fact, connection: str, raw: Raw, source: str, landing_id: str, mode: str
) -> Said:
    model, kind, type_, schema = _published(fact.type)
    own_id = entity_id(connection, kind, fact.native_id)
    if isinstance(fact, Statement):
        document = _identified(fact.document, connection, own_id)
        body = model.write(document)
        order_id = (document.get("order") or {}).get("id") if model is Fulfillment else None
    else:
        data = _with_ids(fact.data, connection).model_copy(update={"id": own_id})
        body = data.dump()
        order_id = data.order.id if isinstance(data, Fulfillment) else None
    revision = _revision_text(fact.revision)
    key = order_id or own_id
    if len(key) > MAX_KEY:
        raise ContractError(
            f"{fact.type} {fact.native_id}: the order id {shorten(key)} is none of ours",
            pointer="/order/id",
            value=shorten(key),
        )
    return Said(
        Envelope(
            # a source without revisions may go back and forth: its deliveries tell the news apart
            id=event_id(own_id, fact.type, revision or landing_id, fingerprint(body)),
            source=source,
            type=type_,
            subject=own_id,
            key=key,
            time=rfc3339(fact.occurred_at) if fact.occurred_at else now_text(),
            connection=connection,
            revision=revision,
            landing=landing_id,
            correlation=landing_id,
            mode=mode,
            schema=schema,
            topic=raw.topic,
            native=fact.native_id,
        ),
        body,
    )


@cache
def _published(type_: str) -> tuple[type[Entity], str, str, str]:
    """Of a type of event: its entity, whose kind, its name on the bus, and where the schema is."""
    model, kind = EVENT_TYPES[type_], type_.partition(".")[0]
    schema = f"https://schemas.crossdock.dev/{kind}/v{model.major}/schema.json"
    return model, kind, f"crossdock.{type_}.v{model.major}", schema


def _revision_text(revision: int | str | None) -> str:
    """Revisions compare as text, so numbers are padded to twenty digits."""
    if revision is None:
        return ""
    return f"{revision:020d}" if isinstance(revision, int) else revision


_REF_KINDS = {"order": "order", "customer": "customer", "product": "product", "variant": "variant"}
_OWN_KINDS: Mapping[type[Entity], Mapping[str, str]] = {
    Exchange: {"order": "order", "return_ref": "return", "new_order": "order"},
    Price: {"price_list": "price_list"},
}
"""What these tie together their own source knows by its own ids."""


def _with_ids(entity: Entity, connection: str) -> Entity:
    """Fill the canonical id of every reference that has only the source's own."""
    updates: dict[str, Any] = {}
    told = vars(entity)  # asking a model for what is no field of it is slow
    kinds = _OWN_KINDS.get(type(entity), _REF_KINDS)
    for name, kind in kinds.items():
        ref = told.get(name)
        if isinstance(ref, EntityRef) and ref.id is None and ref.native_id is not None:
            own_id = entity_id(connection, kind, ref.native_id)
            updates[name] = EntityRef(id=own_id, native_id=ref.native_id)
    return entity.model_copy(update=updates) if updates else entity


def _identified(document: dict[str, Any], connection: str, own_id: str) -> dict[str, Any]:
    """The same for a document, with the entity's own id at its head, where the model has it."""
    found = {"id": own_id, **document}
    found["id"] = own_id
    for name in _REF_KINDS:
        if name in document:
            ref = document[name]
            if isinstance(ref, dict) and "id" not in ref and "native_id" in ref:
                ours = entity_id(connection, _REF_KINDS[name], ref["native_id"])
                found[name] = {"id": ours, **ref}
    return found


class Translate:
    """The stage; see the module's docstring."""

    name = "translate"
    batch: int = 100

    def __init__(
        self, house: House, topology: Topology, connectors: Mapping[str, Connector]
    ) -> None:
        self.house = house
        self.topology = topology
        self.connectors = connectors
        self.watch = Watch(topology, connectors)

    async def ready(self) -> None:
        """Always."""

    async def process(self, items: Sequence[Item]) -> Iterable[Outgoing]:
        """See `Stage.process`."""
        keys = [item.envelope.key for item in items]
        new = self.watch.new_to_me(items)
        queues, learnt = await self.house.ledger.read(
            lambda tx: (desk.queues(tx, self.name, keys), fields.known(tx, new))
        )
        self.watch.remember(learnt)
        look = Look()
        go, behind = in_line(items, queues)
        results: list[Translated] = []
        outgoing: list[Outgoing] = []
        kept: list[dict[str, Any]] = []
        troubles = [item.trouble(behind=reason) for item, reason in behind]
        for item in go:
            await self.house.breath()
            try:
                said = self._say(item)
                messages = [self.topology.event(one.envelope, one.body) for one in said]
            except Ignore as reason:
                results.append(Translated(landing_id=item.id, state="ignored", reason=str(reason)))
                continue
            except ContractError as error:
                results.append(Translated(landing_id=item.id, state="dead", reason=str(error)))
                troubles.append(item.trouble(error=error))
                continue
            except TransientError as error:
                troubles.append(item.trouble(error=error))
                continue
            except Exception as error:  # noqa: BLE001 - a connector's bug ends one message only
                reason_text = f"{type(error).__name__}: {error}"
                results.append(Translated(landing_id=item.id, state="dead", reason=reason_text))
                troubles.append(item.trouble(error=error))
                continue
            if not said:
                nothing = "it says nothing of interest"
                results.append(Translated(landing_id=item.id, state="ignored", reason=nothing))
                continue
            if item.envelope.mode != REPLAY:
                self.watch.look(item, look)
            results.append(
                Translated(
                    landing_id=item.id,
                    state="translated",
                    events=tuple(one.envelope.id for one in said),
                )
            )
            for one, message in zip(said, messages, strict=True):
                if not message.body:
                    kept.append({"id": one.envelope.id, "body": one.body, "at": time.time()})
            outgoing += messages
        stuck = {trouble.message.id for trouble in troubles}
        released = [item.id for item in go if item.retry and item.id not in stuck]

        def work(tx: Connection) -> list[ToSend]:
            if kept:
                tx.execute(upsert(tx, claims).on_conflict_do_nothing(), kept)
            landing.mark_translated(tx, results)
            recovery.settle(tx, self.name, troubles, queues)
            desk.release(tx, self.name, released)
            return self.watch.write(tx, look, time.time()) if look else []

        drifts = await self.house.ledger.write(work)
        self.watch.learn(look)
        outgoing += [send.message for send in drifts]
        meters = self.house.meters
        meters.add("translate.events", len(outgoing) - len(drifts))
        meters.add("translate.drift", len(drifts))
        meters.add("translate.dead", sum(result.state == "dead" for result in results))
        meters.add("translate.ignored", sum(result.state == "ignored" for result in results))
        return outgoing

    async def give_up(self, item: Item, error: Exception) -> None:
        """See `Stage.give_up`."""
        result = Translated(landing_id=item.id, state="dead", reason=f"{error!r}")

        def work(tx: Connection) -> None:
            landing.mark_translated(tx, [result])
            recovery.settle(tx, self.name, [item.trouble(error=error)], {})
            desk.release(tx, self.name, [item.id])

        await self.house.ledger.write(work)

    def _say(self, item: Item) -> list[Said]:
        connection = item.envelope.connection
        connector = self.connectors.get(connection)
        if connector is None:
            raise ContractError(
                f"no connection {connection!r} in this deployment; "
                f"known: {', '.join(sorted(self.connectors))}"
            )
        headers = json.loads(item.envelope.vendor) if item.envelope.vendor else {}
        raw = Raw(item.envelope.topic, data=item.body, key=item.envelope.subject, headers=headers)
        return say(
            connection,
            connector,
            raw,
            source=self.topology.source(connection),
            landing_id=item.id,
            mode=item.envelope.mode,
        )
