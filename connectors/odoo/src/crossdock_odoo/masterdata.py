"""What an order points at in Odoo: products, taxes, pricelists, countries. Looked up in few calls.

Ids of what is found are kept for the life of the connection; what is not found is asked for again
each time, so that a product created a minute ago is seen.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import crossdock
from crossdock.jsontext import shorten

from crossdock_odoo.mapping import plain
from crossdock_odoo.rpc import Rpc
from crossdock_odoo.saleorder import FREE_DIGITS

TAKEN_S = 60.0
"""How long another runner's taking over of a first contact may go unnoticed."""


@dataclass
class MasterData:
    """The caches of one connection. Two tasks may fill one at once, with the same content."""

    rpc: Rpc
    _products: dict[str, int] = field(default_factory=dict)
    _countries: dict[str, int] = field(default_factory=dict)
    _states: dict[str, dict[str, int]] = field(default_factory=dict)
    _pricelists: dict[str, int] = field(default_factory=dict)
    _taxes: dict[tuple[Decimal, bool], int] = field(default_factory=dict)
    _warehouses: dict[str, int] | None = None
    _others: dict[str, int] = field(default_factory=dict)
    """Warehouses that were asked for by name, configured or not."""
    _languages: tuple[str, ...] | None = None
    _taken: bool = False
    _ask_taken_at: float = 0.0
    _digits: int | None = None
    _currency: str | None = None
    _locations: dict[str, tuple[int, int]] | None = None

    async def products(self, skus: Iterable[str]) -> dict[str, int]:
        """Product ids by SKU; a SKU that is unknown or archived is left out.

        RejectedError: two active products share a SKU, so nobody can say which one is meant.
        """
        wanted = set(skus)
        missing = sorted(wanted - self._products.keys())
        if missing:
            found = await self.rpc.search_read(
                "product.product",
                [["default_code", "in", missing]],
                ["default_code"],
                order="id",
            )
            ids: dict[str, int] = {}
            for row in found:
                sku = row["default_code"]
                if sku in ids:
                    raise crossdock.RejectedError(
                        f"SKU {shorten(sku)} is the internal reference of products {ids[sku]} and "
                        f"{row['id']} in Odoo. Change one of them",
                        reason="ambiguous_sku",
                        parts={"sku": sku},
                    )
                ids[sku] = row["id"]
            self._products |= ids
        return {sku: self._products[sku] for sku in wanted if sku in self._products}

    def forget_products(self, skus: Iterable[str]) -> None:
        """Ask again next time: one of them may have been archived or deleted."""
        for sku in skus:
            self._products.pop(sku, None)

    async def archived(self, sku: str) -> bool:
        """Whether a product with this SKU is there, put away."""
        found = await self.rpc.call(
            "product.product",
            "search_count",
            domain=[["default_code", "=", sku], ["active", "=", False]],
        )
        return bool(found)

    async def country(self, code: str) -> int | None:
        """The id of a country by its ISO code."""
        if not self._countries:
            rows = await self.rpc.search_read("res.country", [], ["code"])
            self._countries = {row["code"]: row["id"] for row in rows if row["code"]}
        return self._countries.get(code)

    async def state(self, country: str, code: str) -> int | None:
        """The id of a state by its code within a country."""
        if country not in self._states:
            rows = await self.rpc.search_read(
                "res.country.state", [["country_id.code", "=", country]], ["code"]
            )
            self._states[country] = {row["code"]: row["id"] for row in rows}
        return self._states[country].get(code)

    async def pricelist(self, currency: str, key: str = "") -> int:
        """The pricelist that makes an order be in this currency. RejectedError: there is none.

        `key` is what the configuration calls it; without one, the currency.
        """
        key = key or currency
        if key in self._pricelists:
            return self._pricelists[key]
        chosen = self.rpc.config.pricelists.get(key)
        domain: list[Any] = [["currency_id.name", "=", currency]]
        if isinstance(chosen, int):
            domain.append(["id", "=", chosen])
        elif chosen:
            domain.append(["name", "=", chosen])
        if self.rpc.config.company is not None:
            domain.append(["company_id", "in", [False, self.rpc.config.company]])
        rows = await self.rpc.search_read(
            "product.pricelist", domain, ["name"], order="id", limit=1
        )
        if not rows:
            which = f" named {chosen!r}" if chosen else ""
            raise crossdock.RejectedError(
                f"Odoo has no pricelist{which} in {currency}. Activate the currency and create a "
                "pricelist in it, for the pricelist decides the currency of an order",
                reason="no_pricelist",
                parts={"currency": currency},
            )
        self._pricelists[key] = rows[0]["id"]
        return self._pricelists[key]

    async def no_product(self, sku: str, what: str) -> crossdock.RejectedError:
        """The error for a SKU without an active product."""
        if await self.archived(sku):
            reason, advice = "archived_product", "Its product is archived: unarchive it"
        else:
            reason, advice = "unknown_sku", "Create the product with it as its internal reference"
        return crossdock.RejectedError(
            f"{what}: no active product in Odoo has the SKU {sku!r}. {advice}, then retry",
            reason=reason,
            parts={"sku": sku},
        )

    async def language(self, tag: str) -> str | None:
        """The installed language for a BCP 47 tag: `de-AT` may be told in `de_DE`; None: none."""
        if self._languages is None:
            rows = await self.rpc.search_read("res.lang", [], ["code"], order="id")
            self._languages = tuple(row["code"] for row in rows)
        wanted = tag.replace("-", "_")
        if wanted in self._languages:
            return wanted
        short = wanted.partition("_")[0]
        return next((code for code in self._languages if code.partition("_")[0] == short), None)

    async def taxes(self, keys: Iterable[tuple[Decimal, bool]]) -> dict[tuple[Decimal, bool], int]:
        """Sales taxes by (percentage, included in the price); what is not found is left out."""
        wanted = set(keys)
        if wanted - self._taxes.keys():
            self._taxes = await self._read_taxes()
        return {key: self._taxes[key] for key in wanted if key in self._taxes}

    async def _read_taxes(self) -> dict[tuple[Decimal, bool], int]:
        domain: list[Any] = [["type_tax_use", "=", "sale"]]
        if self.rpc.config.company is not None:
            domain.append(["company_id", "=", self.rpc.config.company])
        rows = await self.rpc.search_read(
            "account.tax",
            domain,
            ["name", "amount", "amount_type", "price_include"],
            order="sequence, id",
        )
        found: dict[tuple[Decimal, bool], int] = {}
        for row in rows:
            if row["amount_type"] == "percent":
                percent = plain(Decimal(repr(row["amount"])).quantize(Decimal("0.000001")))
                found.setdefault((percent, bool(row["price_include"])), row["id"])
        for told, tax in self.rpc.config.taxes.items():
            matches = [row["id"] for row in rows if tax in (row["id"], row["name"])]
            if not matches:
                raise crossdock.ConfigError(
                    f"taxes: {told!r} is mapped to {tax!r}, which is no sales tax of Odoo's; "
                    f"there are: {', '.join(str(row['name']) for row in rows[:20])}"
                )
            found[_configured(told)] = matches[0]
        return found

    async def warehouses(self) -> dict[str, int]:
        """Warehouse ids by short name, those configured or all. ConfigError: one is unknown."""
        if self._warehouses is None:
            wanted = self.rpc.config.warehouses
            domain: list[Any] = []
            if self.rpc.config.company is not None:
                domain.append(["company_id", "=", self.rpc.config.company])
            rows = await self.rpc.search_read("stock.warehouse", domain, ["code"], order="id")
            known = {row["code"]: row["id"] for row in rows}
            for code in wanted:
                if code not in known:
                    raise crossdock.ConfigError(
                        f"warehouses: Odoo has no warehouse {code!r}; it has {', '.join(known)}"
                    )
            self._warehouses = {code: known[code] for code in wanted or known}
        return self._warehouses

    async def warehouse(self, code: str) -> int | None:
        """One warehouse by its short name, also one whose stock is not told; None: there is none.

        Of those that are there it is asked once; one that is missing may be made any time.
        """
        if code not in self._others:
            domain: list[Any] = [["code", "=", code]]
            if self.rpc.config.company is not None:
                domain.append(["company_id", "=", self.rpc.config.company])
            rows = await self.rpc.search_read("stock.warehouse", domain, ["code"], limit=1)
            if not rows:
                return None
            self._others[code] = rows[0]["id"]
        return self._others[code]

    async def company_currency(self) -> str:
        """The currency in which products have their price."""
        if self._currency is None:
            company = self.rpc.config.company
            if company is None:
                told = await self.rpc.call("sale.order", "default_get", fields=["company_id"])
                company = told["company_id"]
            rows = await self.rpc.read("res.company", [company], ["currency_id"])
            names = await self.rpc.read("res.currency", [rows[0]["currency_id"]], ["name"])
            self._currency = str(names[0]["name"])
        return self._currency

    async def stock_locations(self) -> dict[str, tuple[int, int]]:
        """(id, id of the stock location) of the warehouses by short name; see `warehouses`."""
        if self._locations is None:
            houses = {id_: code for code, id_ in (await self.warehouses()).items()}
            rows = await self.rpc.read("stock.warehouse", list(houses) or [0], ["lot_stock_id"])
            self._locations = {houses[row["id"]]: (row["id"], row["lot_stock_id"]) for row in rows}
        return self._locations

    async def stored(self, path: str = "") -> list[Any]:
        """The condition for products whose stock is counted; `path` leads to the product."""
        name = await self.rpc.fields.name("product.product", "is_storable")
        return [[f"{path}{name}", "=", True if name == "is_storable" else "product"]]

    async def any_taken(self, namespace: str) -> bool:
        """Whether any contact was taken over; a no is asked again after TAKEN_S."""
        if self.rpc.config.match_customers == "never":
            return False
        if not self._taken and time.monotonic() >= self._ask_taken_at:
            marks = [["module", "=", namespace], ["model", "=", "res.partner"]]
            found = await self.rpc.call(
                "ir.model.data", "search_count", domain=[*marks, ["noupdate", "=", True]], limit=1
            )
            self._taken = bool(found)
            self._ask_taken_at = time.monotonic() + TAKEN_S
        return self._taken

    def took_over(self) -> None:
        """A contact was taken over just now."""
        self._taken = True

    async def price_digits(self) -> int:
        """Decimal places of a unit price: all in 19, "Product Price" before (2 by default)."""
        if self._digits is None:
            if (await self.rpc.version()).keeps_price_digits:
                self._digits = FREE_DIGITS
            else:
                rows = await self.rpc.search_read(
                    "decimal.precision", [["name", "=", "Product Price"]], ["digits"]
                )
                self._digits = rows[0]["digits"] if rows else 2
        return self._digits


def missing_taxes(
    wanted: Sequence[tuple[Decimal, bool]], found: Iterable[tuple[Decimal, bool]], number: str
) -> crossdock.RejectedError | None:
    """The error that names the first rate Odoo has no tax for."""
    known = set(found)
    for percent, included in wanted:
        if (percent, included) not in known:
            how = "included in the price" if included else "on top of the price"
            key = f"{plain(percent / 100)}{' included' if included else ''}"
            return crossdock.RejectedError(
                f"order {number}: Odoo has no sales tax of {percent:f} % {how}. Create it, or map "
                f'it in the configuration: taxes: {{"{key}": <id or name>}}',
                reason="no_tax",
                parts={"rate": f"{percent / 100:f}", "included": included},
            )
    return None


def _configured(told: str) -> tuple[Decimal, bool]:
    """The key of `0.19` or `0.19 included`. ConfigError for anything else."""
    rate, _, word = told.strip().partition(" ")
    try:
        percent = plain(Decimal(rate) * 100)
    except InvalidOperation:
        percent = Decimal(-1)
    if not 0 <= percent <= 1000 or word.strip() not in ("", "included"):
        raise crossdock.ConfigError(
            f'taxes: {told!r} is no rate; write a ratio, "0.19" or "0.19 included"'
        )
    return percent, bool(word)
