"""What we know of each entity, and what every system calls it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.store import upsert
from crossdock_stages.ledger.tables import cross_references, entities


@dataclass(frozen=True, kw_only=True)
class Known:
    """One entity as far as it was decided on.

    `revision` is the newest that was applied; `digest` stands for the content that the targets
    were told; `state` is the process's own word (see `crossdock_stages.decide`).
    """

    id: str
    kind: str
    connection: str
    native_id: str
    revision: str
    digest: str
    state: str = ""
    label: str = ""


def known(tx: Connection, ids: Iterable[str]) -> dict[str, Known]:
    """Those of these entities that were told of before."""
    found = tx.execute(
        sa.select(
            entities.c.id,
            entities.c.kind,
            entities.c.connection,
            entities.c.native_id,
            entities.c.revision,
            entities.c.digest,
            entities.c.state,
            entities.c.label,
        ).where(entities.c.id.in_(list(ids)))
    )
    return {row.id: Known(**row._mapping) for row in found}


def remember(tx: Connection, rows: Sequence[Known], now: float) -> None:
    """Write the newest knowledge; origin and native id never change."""
    if rows:
        insert = upsert(tx, entities)
        tx.execute(
            insert.on_conflict_do_update(
                index_elements=["id"],
                set_={
                    name: insert.excluded[name]
                    for name in ("revision", "digest", "state", "label", "updated_at")
                },
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
