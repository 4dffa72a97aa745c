"""`crossdock status`: where everything is, and what each connection waits for."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from crossdock_stages.ledger import budgets, fields, open_ledger
from crossdock_stages.ledger.journey import account
from crossdock_stages.ledger.tables import waiting
from crossdock_stages.sharing import standing
from sqlalchemy.engine import Connection

from crossdock_runner import deployment as deployments
from crossdock_runner.output import print_json, say

WEEK_S = 7 * 86_400


def show_status(file: Path, *, as_json: bool) -> int:
    """Exit code 0; reads the ledger alone, so it tells of all runners, and when none runs too."""
    deployment = deployments.load(file)
    told = asyncio.run(_read(deployment.ledger_url))
    for name in deployment.connections:
        told["connections"].setdefault(name, {"state": "working", "reason": "", "until": None})
    if as_json:
        print_json(told)
        return 0
    for name, count in told["account"].items():
        say(f"{name:>12}  {count}")
    for name, entry in sorted(told["connections"].items()):
        held = told["waiting"].get(name, 0)
        say(f"{name}  {entry['state']}{f', {held} messages wait' if held else ''}")
        if entry["reason"]:
            say(f"    {entry['reason']}")
        if fresh := told["drift"].get(name):
            say(f"    {fresh} fields never seen before in the last 7 days: crossdock drift")
        for bucket, budget in entry.get("budgets", {}).items():
            say(f"    budget {bucket}: {budget['told']}")
    return 0


async def _read(url: str) -> dict[str, Any]:
    async with open_ledger(url, create=False) as ledger:

        def look(tx: Connection) -> dict[str, Any]:
            board = budgets.look(tx)
            return {
                "account": _numbers(vars(account(tx))),
                "waiting": dict(
                    tx.execute(
                        sa.select(waiting.c.connection, sa.func.count()).group_by(
                            waiting.c.connection
                        )
                    )
                    .tuples()
                    .all()
                ),
                "connections": standing(board),
                "drift": fields.how_many(tx, time.time() - WEEK_S),
            }

        return await ledger.read(look)


def _numbers(books: Mapping[str, Any]) -> dict[str, int]:
    return {name: value for name, value in books.items() if isinstance(value, int)}
