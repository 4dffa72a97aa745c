"""What we know of each entity, and what every system calls it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.store import upsert
from crossdock_stages.ledger.tables import cross_references, entities


@dataclass(frozen=True, kw_only=True)
class Known:
    """One entity as far as it was decided on.

    `revision` is the newest that was applied; `digest` stands for the content that the targets
    were told; `state` is the process's own word (see `crossdock_stages.judgement`). `facts` is
    what later judgements need, as JSON; `body` the whole entity, where it is needed again.
    """

    id: str
    kind: str
    connection: str
    native_id: str
    revision: str
    digest: str
    state: str = ""
    label: str = ""
    facts: str = ""
    body: bytes = b""

    @property
    def foreign_lines(self) -> frozenset[str]:
        """Lines of an order that a marketplace ships."""
        return frozenset(json.loads(self.facts).get("foreign", ())) if self.facts else frozenset()


_COLUMNS = tuple(entities.c[one.name] for one in fields(Known))
_CHANGING = ("revision", "digest", "state", "label", "facts", "body", "updated_at")


def known(tx: Connection, ids: Iterable[str], *, lock: bool = False) -> dict[str, Known]:
    """Those of these entities that were told of before.

    In a transaction that writes, they are this transaction's until it ends.
    """
    query = sa.select(*_COLUMNS).where(entities.c.id.in_(list(ids)))
    if lock:
        query = query.order_by(entities.c.id).with_for_update()  # SQLite has one writer anyway
    return {row.id: Known(**row._mapping) for row in tx.execute(query)}


def remember(tx: Connection, rows: Sequence[Known], now: float) -> None:
    """Write the newest knowledge; origin and native id never change."""
    if rows:
        insert = upsert(tx, entities)
        tx.execute(
            insert.on_conflict_do_update(
                index_elements=["id"],
                set_={name: insert.excluded[name] for name in _CHANGING},
            ),
            [{**vars(row), "updated_at": now} for row in rows],
        )


@dataclass(frozen=True)
class CrossReference:
    """What `connection` calls the entity `canonical_id`."""

    connection: str
    kind: str
    native_id: str
    canonical_id: str


def refer(tx: Connection, rows: Sequence[CrossReference], now: float) -> None:
    """Insert first: of two runners that pair the same thing, the first one's word stays."""
    if rows:
        tx.execute(
            upsert(tx, cross_references).on_conflict_do_nothing(),
            [{**vars(row), "at": now} for row in rows],
        )


def aliases(
    tx: Connection, rows: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], str]:
    """Canonical ids of (connection, kind, native id), where known."""
    wanted = set(rows)
    if not wanted:
        return {}
    found = tx.execute(
        sa.select(cross_references).where(
            sa.tuple_(
                cross_references.c.connection,
                cross_references.c.kind,
                cross_references.c.native_id,
            ).in_(list(wanted))
        )
    )
    return {(row.connection, row.kind, row.native_id): row.canonical_id for row in found}


def native_ids(tx: Connection, connection: str, ids: Iterable[str]) -> dict[str, str]:
    """What `connection` calls these canonical ids."""
    found = tx.execute(
        sa.select(cross_references.c.canonical_id, cross_references.c.native_id).where(
            cross_references.c.canonical_id.in_(list(ids)),
            cross_references.c.connection == connection,
        )
    )
    return {row.canonical_id: row.native_id for row in found}
