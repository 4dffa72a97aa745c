"""What we know of each entity, and what every system calls it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.statements import Statement, among
from crossdock_stages.ledger.tables import cross_references, entities
from crossdock_stages.values import made


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


def known(tx: Connection, ids: Iterable[str], *, lock: bool = False) -> dict[str, Known]:
    """Those of these entities that were told of before.

    In a transaction that writes, they are this transaction's until it ends.
    """
    found = (_LOCKED if lock else _KNOWN).rows(tx, ids=list(ids))
    return {row[0]: made(Known, zip(_NAMES, row, strict=True)) for row in found}


_NAMES = tuple(one.name for one in fields(Known))
_CHANGING = ("revision", "digest", "state", "label", "facts", "body", "updated_at")


def _known() -> Any:
    columns = [entities.c[name] for name in _NAMES]
    return sa.select(*columns).where(entities.c.id.in_(among("ids")))


_KNOWN = Statement(lambda _: _known())
# SQLite has one writer anyway, and leaves FOR UPDATE out
_LOCKED = Statement(lambda _: _known().order_by(entities.c.id).with_for_update())


def remember(tx: Connection, rows: Sequence[Known], now: float) -> None:
    """Write the newest knowledge; origin and native id never change."""
    _REMEMBER.many(tx, [{**vars(row), "updated_at": now} for row in rows])


def _remember(insert: Any) -> Any:
    new = insert(entities)
    return new.on_conflict_do_update(
        index_elements=["id"], set_={name: new.excluded[name] for name in _CHANGING}
    )


_REMEMBER = Statement(_remember)


@dataclass(frozen=True)
class CrossReference:
    """What `connection` calls the entity `canonical_id`."""

    connection: str
    kind: str
    native_id: str
    canonical_id: str


def refer(tx: Connection, rows: Sequence[CrossReference], now: float) -> None:
    """Insert first: of two runners that pair the same thing, the first one's word stays."""
    _REFER.many(tx, [{**vars(row), "at": now} for row in rows])


_REFER = Statement(lambda insert: insert(cross_references).on_conflict_do_nothing())


def aliases(
    tx: Connection, rows: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], str]:
    """Canonical ids of (connection, kind, native id), where known."""
    named: dict[tuple[str, str], set[str]] = {}
    for connection, kind, native in rows:
        named.setdefault((connection, kind), set()).add(native)
    return {
        (connection, kind, native): own
        for (connection, kind), wanted in named.items()
        for native, own in _ALIASES.rows(tx, connection=connection, kind=kind, ids=wanted)
    }


_ALIASES = Statement(
    lambda _: sa.select(cross_references.c.native_id, cross_references.c.canonical_id).where(
        cross_references.c.connection == sa.bindparam("connection"),
        cross_references.c.kind == sa.bindparam("kind"),
        cross_references.c.native_id.in_(among("ids")),
    )
)


def native_ids(tx: Connection, connection: str, ids: Iterable[str]) -> dict[str, str]:
    """What `connection` calls these canonical ids."""
    return dict(_NATIVE_IDS.rows(tx, ids=list(ids), connection=connection))


_NATIVE_IDS = Statement(
    lambda _: sa.select(cross_references.c.canonical_id, cross_references.c.native_id).where(
        cross_references.c.canonical_id.in_(among("ids")),
        cross_references.c.connection == sa.bindparam("connection"),
    )
)


def any_unlisted(tx: Connection, owner: str) -> bool:
    """Whether an owner told of products before their SKUs were kept one by one."""
    query = sa.select(entities.c.id).where(
        entities.c.kind == "product", entities.c.connection == owner, entities.c.state == ""
    )
    return tx.execute(query.limit(1)).first() is not None
