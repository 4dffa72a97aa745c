"""Marks: external ids that we put on records which Odoo's own wizards made.

What `load` writes has its external id from the start. A picking that a wizard makes has none: it is
claimed afterwards, by a record in `ir.model.data`, whose `module.name` is unique. Whoever claims
first decides; the others are told what was claimed.
"""

from collections.abc import Iterable

import crossdock

from crossdock_odoo.rpc import Rpc


async def marked(rpc: Rpc, namespace: str, name: str, model: str) -> int | None:
    """The record that bears our name, or None."""
    rows = await rpc.search_read(
        "ir.model.data",
        [["module", "=", namespace], ["name", "=", name], ["model", "=", model]],
        ["res_id"],
    )
    return rows[0]["res_id"] if rows else None


async def names(rpc: Rpc, namespace: str, model: str, records: Iterable[int]) -> dict[int, str]:
    """Our names of records that have one; the oldest where there are two."""
    found: dict[int, str] = {}
    for record, name in await all_names(rpc, namespace, model, records):
        found.setdefault(record, name)
    return found


async def all_names(
    rpc: Rpc, namespace: str, model: str, records: Iterable[int]
) -> list[tuple[int, str]]:
    """(record, name) of every mark of ours on these records, oldest first."""
    wanted = sorted(set(records))
    if not wanted:
        return []
    rows = await rpc.search_read(
        "ir.model.data",
        [["module", "=", namespace], ["model", "=", model], ["res_id", "in", wanted]],
        ["name", "res_id"],
        order="id",
    )
    return [(row["res_id"], row["name"]) for row in rows]


async def claim(rpc: Rpc, namespace: str, name: str, model: str, record: int) -> int:
    """Put the mark; the record that has it, which is another one when somebody was first."""
    mark = {
        "module": namespace,
        "name": name,
        "model": model,
        "res_id": record,
        "noupdate": True,
    }
    try:
        await rpc.call("ir.model.data", "create", vals_list=[mark])
    except crossdock.RejectedError:
        found = await marked(rpc, namespace, name, model)
        if found is None:
            raise
        return found
    return record
