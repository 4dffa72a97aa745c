"""What a reference stands for, found in a ledger of millions of rows while an operator waits.

Whatever is looked for has an index; where that begins with a connection or a kind, the few there
are are asked for by name.
"""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.tables import cross_references, entities, inbox, landing, outbox


def find(tx: Connection, reference: str) -> list[str]:
    """Canonical ids that any kind of reference stands for.

    Canonical id, number (with or without `#`), native id, event id, command id, landing id,
    delivery id.
    """
    ids: set[str] = set()
    ids.update(all_of(tx, sa.select(entities.c.id).where(entities.c.id == reference)))
    labels = {reference, f"#{reference}", reference.removeprefix("#")}
    ids.update(all_of(tx, sa.select(entities.c.id).where(entities.c.label.in_(labels))))
    ids.update(_named(tx, reference))
    ids.update(all_of(tx, sa.select(inbox.c.entity_id).where(inbox.c.event_id == reference)))
    ids.update(all_of(tx, sa.select(outbox.c.entity_id).where(outbox.c.id == reference)))
    told = sa.select(landing.c.events).where(landing.c.id.in_(landed_as(tx, reference)))
    events = [event for text in all_of(tx, told) for event in json.loads(text)]
    ids.update(all_of(tx, sa.select(inbox.c.entity_id).where(inbox.c.event_id.in_(events))))
    return sorted(ids)


def landed_as(tx: Connection, reference: str) -> list[str]:
    """Landing rows of which this is the id, or the id of their delivery."""
    by_delivery = sa.select(landing.c.id).where(
        landing.c.connection.in_(values_of(tx, landing.c.connection)),
        landing.c.delivery_id == reference,
    )
    return all_of(tx, sa.select(landing.c.id).where(landing.c.id == reference)) + all_of(
        tx, by_delivery
    )


def landed_about(tx: Connection, ids: Iterable[str]) -> list[str]:
    """Landing rows that said something of these, or of what belongs to them."""
    about = sa.or_(inbox.c.entity_id.in_(ids), inbox.c.entity_key.in_(ids))
    return all_of(tx, sa.select(inbox.c.landing_id).where(about, inbox.c.landing_id != ""))


def _named(tx: Connection, native_id: str) -> list[str]:
    """What anybody calls so."""
    refs, found = cross_references.c, list[str]()
    for connection in values_of(tx, refs.connection):
        kinds = [
            kind
            for kind in values_of(tx, refs.kind, refs.connection == connection)
            if not kind.endswith(".part")
        ]
        named = sa.select(refs.canonical_id).where(
            refs.connection == connection, refs.kind.in_(kinds), refs.native_id == native_id
        )
        found += all_of(tx, named)
    return found


def values_of(tx: Connection, column: "sa.Column[str]", *where: Any) -> list[str]:
    """The different values of a column that an index begins with: one look for each of them, where
    DISTINCT would read the whole index."""
    found = [""]
    while True:
        after = sa.select(sa.func.min(column)).where(*where, column > found[-1])
        value = tx.execute(after).scalar()
        if value is None:
            return found[1:]
        found.append(value)


def all_of(tx: Connection, query: Any) -> list[str]:
    """The one column of every row."""
    return [str(value) for value in tx.execute(query).scalars()]
