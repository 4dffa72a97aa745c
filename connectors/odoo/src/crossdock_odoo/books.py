"""The books: journals, accounts, currencies, and posting a document into them.

Journals and accounts are named in the configuration by code or database id; what does not exist is
a ConfigError, for no command can be booked until somebody corrects it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.jsontext import shorten

from crossdock_odoo.mapping import plain
from crossdock_odoo.rpc import Rpc

FISCAL_LOCKS = ("fiscalyear_lock_date", "hard_lock_date", "period_lock_date")
"""Days up to which the books are closed for every entry; which of them there are differs by
version: `period_lock_date` up to 17, `hard_lock_date` from 18 on."""
SALE_LOCKS = (*FISCAL_LOCKS, "tax_lock_date", "sale_lock_date")
"""Those for documents with taxes."""


@dataclass
class Books:
    """The caches of one connection."""

    rpc: Rpc
    _journals: dict[int | str, int] = field(default_factory=dict)
    _accounts: dict[int | str, int] = field(default_factory=dict)
    _currencies: dict[str, int] = field(default_factory=dict)

    async def journal(self, told: int | str, where: str) -> int:
        """A journal by short code or id. ConfigError names the option `where` it is written."""
        if told not in self._journals:
            self._journals[told] = await self._named("account.journal", told, where)
        return self._journals[told]

    async def account(self, told: int | str, where: str) -> int:
        """An account by code or id."""
        if told not in self._accounts:
            self._accounts[told] = await self._named("account.account", told, where)
        return self._accounts[told]

    async def _named(self, model: str, told: int | str, where: str) -> int:
        domain: list[Any] = [["id" if isinstance(told, int) else "code", "=", told]]
        company = self.rpc.config.company
        if company is not None and model == "account.journal":
            domain.append(["company_id", "=", company])
        rows = await self.rpc.search_read(model, domain, ["name"], order="id", limit=1)
        if not rows:
            some = await self.rpc.search_read(model, [], ["code"], order="code, id", limit=30)
            codes = ", ".join(str(row["code"]) for row in some)
            raise crossdock.ConfigError(
                f"{where}: {told!r} is no {model} of Odoo's that this user may see; there are: "
                f"{codes}"
            )
        return int(rows[0]["id"])

    async def currency(self, code: str) -> int:
        """RejectedError: Odoo does not use this currency."""
        if code not in self._currencies:
            rows = await self.rpc.search_read("res.currency", [["name", "=", code]], ["name"])
            if not rows:
                raise crossdock.RejectedError(
                    f"Odoo does not use the currency {code}. Activate it (Accounting, "
                    "Configuration, Currencies), then retry",
                    reason="no_currency",
                    parts={"currency": code},
                )
            self._currencies[code] = rows[0]["id"]
        return self._currencies[code]

    async def rate(self, code: str, day: str) -> Decimal:
        """How much of this currency one unit of the company's is on a day."""
        rows = await self.rpc.call(
            "res.currency",
            "read",
            ids=[await self.currency(code)],
            fields=["rate"],
            context={"date": day},
        )
        return plain(Decimal(repr(rows[0]["rate"])))

    async def post(self, move: int) -> dict[str, Any]:
        """Post a draft; its state afterwards. Posted already is well.

        RejectedError `closed_period`: the books are closed at its date; else in Odoo's words.
        """
        before = await self.state(move)
        if before["state"] == "posted":
            return before
        try:
            await self.rpc.call("account.move", "action_post", ids=[move])
        except crossdock.RejectedError as error:
            after = await self.state(move)
            if after["state"] == "posted":
                return after
            raise await self.explained(error, str(after["date"] or "")) from None
        return await self.state(move)

    async def state(self, move: int) -> dict[str, Any]:
        """A document as it stands. RejectedError: it is gone."""
        fields = ["name", "state", "date", "amount_total", "amount_residual", "currency_id"]
        rows = await self.rpc.read("account.move", [move], fields)
        if not rows:
            raise crossdock.RejectedError(
                f"account.move {move} was deleted in Odoo while we worked on it", reason="deleted"
            )
        return rows[0]

    async def refuse_if_closed(self, day: str, what: str, locks: Sequence[str]) -> None:
        """RejectedError `closed_period`, before anything is written, unless `closed_period: shift`.

        Odoo itself refuses nothing here: it posts at a day of the next open period (seen on 19.0).
        """
        if self.rpc.config.closed_period == "shift":
            return
        error = await self._closed(day, what, locks)
        if error is not None:
            raise error

    async def explained(self, error: crossdock.RejectedError, day: str) -> crossdock.RejectedError:
        """`closed_period` when the day lies in one, for Odoo's own error has no name for that."""
        return await self._closed(day, f"Odoo says: {error}; and this", SALE_LOCKS) or error

    async def _closed(
        self, day: str, what: str, names: Sequence[str]
    ) -> crossdock.RejectedError | None:
        there = await self.rpc.fields.having("res.company", names)
        company = self.rpc.config.company
        if company is None:
            told = await self.rpc.call("sale.order", "default_get", fields=["company_id"])
            company = told["company_id"]
        rows = await self.rpc.read("res.company", [company], list(there))
        locks = {name: str(row[name]) for row in rows for name in there if row[name]}
        closed = {name: until for name, until in locks.items() if day and day <= until}
        if not closed:
            return None
        name, until = max(closed.items(), key=lambda pair: pair[1])
        return crossdock.RejectedError(
            f"{what} is of {day}, and the books are closed up to {until} ({name} of the company). "
            "Reopen the period in Odoo (Accounting, Lock Dates) and retry; or book it there by "
            "hand at a later day and resolve this; or set `closed_period: shift`",
            reason="closed_period",
            parts={"day": day, "closed_until": until, "lock": name},
        )


def day_of(moment: datetime) -> str:
    """The day something is booked at: that of UTC, as everything we send."""
    return f"{moment:%Y-%m-%d}"


def text_of(*parts: str | None, limit: int = 200) -> str:
    """A reference of a document: what is there, parted by spaces, not too long."""
    return shorten(" ".join(part for part in parts if part), limit).strip("'\"")


def of_float(value: float) -> Decimal:
    """An amount of Odoo's without the noise of floats."""
    return plain(Decimal(repr(value)).quantize(Decimal("0.000001")))


def names_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Names of documents, for people; a draft has none."""
    return ", ".join(str(row["name"] or f"draft {row['id']}") for row in rows)
