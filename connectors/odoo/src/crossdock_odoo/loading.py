"""`load`: the one write of Odoo's that is idempotent, for it is keyed on external ids.

`load` answers HTTP 200 whatever happened. `ids: false` means that nothing was saved, and the
messages say why: one with a `field` is about a cell and final; one without came from the whole
record, be it a business rule or two transactions that met (recordings 05/12 and 15/03).
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import crossdock
from crossdock.http import excerpt

from crossdock_odoo.rpc import Rpc

TRIES = 3
PAUSE_S = 0.05

Row = Mapping[str, str]


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Rows by column name as `load` wants them: one list of columns, cells as text."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return columns, [[row.get(column, "") for column in columns] for row in rows]


async def load(rpc: Rpc, model: str, rows: Sequence[Row]) -> list[int]:
    """Create or update by external id, all rows in one transaction; the ids, in order.

    A lost race is tried again, for nothing was saved; UnavailableError (outcome `failed`) when
    it is lost every time. RejectedError: a cell or a rule, in Odoo's words.
    """
    columns, data = table(rows)
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(PAUSE_S * attempt)
        answer = await rpc.call(model, "load", fields=columns, data=data)
        ids = answer.get("ids") if isinstance(answer, dict) else None
        if isinstance(ids, list) and ids and all(isinstance(found, int) for found in ids):
            return ids
        error = refusal(model, answer, data)
        if isinstance(error, crossdock.RejectedError):
            raise error
    raise error


async def load_each(
    rpc: Rpc, model: str, records: Sequence[Sequence[Row]]
) -> list[int | crossdock.CrossdockError]:
    """As `load` for many records of one or more rows each; a bad one harms no other.

    All are written in one transaction if they can be. If not, those that Odoo names are written
    one by one, for it may name an innocent first one, too; and the others again together. Where
    it names none, or all, they are halved.
    """
    answers: dict[int, int | crossdock.CrossdockError] = {}
    todo: list[list[int]] = [list(range(len(records)))]
    tries = TRIES
    while todo:
        group = todo.pop()
        if not group:
            continue
        if len(group) == 1:
            try:
                answers[group[0]] = (await load(rpc, model, records[group[0]]))[0]
            except crossdock.CrossdockError as error:
                if isinstance(error, crossdock.UnavailableError) and error.outcome != "failed":
                    raise
                answers[group[0]] = error
            continue
        columns, data = table([row for index in group for row in records[index]])
        answer = await rpc.call(model, "load", fields=columns, data=data)
        ids = answer.get("ids") if isinstance(answer, dict) else None
        if isinstance(ids, list) and len(ids) == len(group) and all(ids):
            answers |= zip(group, ids, strict=True)
            continue
        error_ = refusal(model, answer, data)
        if isinstance(error_, crossdock.TransientError) and tries:
            tries -= 1
            await asyncio.sleep(PAUSE_S * (TRIES - tries))
            todo.append(group)
            continue
        blamed = _blamed(answer, len(group))
        if blamed and len(blamed) < len(group):
            todo.append([index for place, index in enumerate(group) if place not in blamed])
            todo += [[group[place]] for place in blamed]
        else:
            todo += [group[: len(group) // 2], group[len(group) // 2 :]]
    return [answers[index] for index in range(len(records))]


def _blamed(answer: Any, count: int) -> set[int]:
    """The records that the messages of a refused `load` are about."""
    messages = answer.get("messages") if isinstance(answer, dict) else None
    return {
        message["record"]
        for message in messages or ()
        if isinstance(message, dict)
        and message.get("type") == "error"
        and isinstance(message.get("record"), int)
        and 0 <= message["record"] < count
    }


_RACE = re.compile(r"serializ|deadlock|could not obtain lock|duplicate key", re.IGNORECASE)
"""PostgreSQL's words for two transactions that met. The answer carries no error name to go by."""


def refusal(model: str, answer: Any, data: Sequence[Sequence[str]]) -> crossdock.CrossdockError:
    """Why nothing was saved."""
    messages = answer.get("messages") if isinstance(answer, dict) else None
    if not isinstance(messages, list) or not messages or not isinstance(messages[0], dict):
        return crossdock.ContractError(f"{model}.load answered neither ids nor messages")
    first = messages[0]
    said = excerpt(str(first.get("message", "")).encode("utf-8", "replace"))
    field, record = first.get("field"), first.get("record")
    at = data[record] if isinstance(record, int) and 0 <= record < len(data) else None
    which = f" of row {record} ({at[0]})" if at else ""
    parts = {"model": model, "field": field, "record": record}
    if field:
        return crossdock.RejectedError(
            f"{model}.load: field {field}{which}: {said}", reason=f"bad_{field}", parts=parts
        )
    if _RACE.search(said):
        return crossdock.UnavailableError(
            f"{model}.load{which}: {said}", outcome="failed", parts=parts
        )
    return crossdock.RejectedError(f"{model}.load{which}: {said}", reason="load", parts=parts)
