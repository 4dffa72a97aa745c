"""Prices of another system, written into Odoo: list prices, and rules of pricelists.

A standard price in the company's currency, for any quantity and without an end, is the product's
own price. Everything else is a rule (`product.pricelist.item`) with an external id of its own, in
the pricelist that the configuration names for the price list, or else in that of the currency.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import crossdock
from crossdock.canonical import Price

from crossdock_odoo.loading import load_each
from crossdock_odoo.mapping import STAMP
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.rpc import Rpc

AT_ONCE = 250
Answer = crossdock.Receipt | crossdock.CrossdockError
Row = dict[str, str]


@dataclass(frozen=True)
class Prices:
    """What `apply` does with `price.publish`."""

    rpc: Rpc
    master: MasterData
    namespace: str

    async def publish(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """One price."""
        (answer,) = await self.publish_many([command])
        if isinstance(answer, crossdock.CrossdockError):
            raise answer
        return answer

    async def publish_many(self, commands: Sequence[crossdock.Command[Any]]) -> list[Answer]:
        """One answer for each, in order; written by the page, a bad one harms no other."""
        answers: list[Answer] = []
        for start in range(0, len(commands), AT_ONCE):
            answers += await self._some(commands[start : start + AT_ONCE])
        return answers

    async def _some(self, commands: Sequence[crossdock.Command[Any]]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        rows: dict[str, list[tuple[int, Row]]] = {
            "product.product": [],
            "product.pricelist.item": [],
        }
        products = await self._products(commands)
        for index, command in enumerate(commands):
            try:
                model, row = await self._row(command, products)
                rows[model].append((index, row))
            except crossdock.PermanentError as error:
                answers[index] = error
        for model, some in rows.items():
            written = await load_each(self.rpc, model, [[row] for _, row in some]) if some else []
            for (index, _), found in zip(some, written, strict=True):
                price: Price = commands[index].data
                answers[index] = (
                    crossdock.Receipt(
                        native_id=f"{model},{found}",
                        note=f"{price.sku}: {price.amount.amount:f} {price.amount.currency}",
                    )
                    if isinstance(found, int)
                    else found
                )
        return [answers[index] for index in range(len(commands))]

    async def _products(
        self, commands: Sequence[crossdock.Command[Any]]
    ) -> dict[str, dict[str, Any]]:
        skus = sorted({c.data.sku for c in commands if isinstance(c.data, Price)})
        rows = await self.rpc.search_read(
            "product.product",
            [["default_code", "in", skus]],
            ["default_code", "product_variant_count"],
            order="id desc",
        )
        return {row["default_code"]: row for row in rows}

    async def _row(
        self, command: crossdock.Command[Any], products: dict[str, dict[str, Any]]
    ) -> tuple[str, Row]:
        price = command.data
        if not isinstance(price, Price):
            raise crossdock.ContractError("price.publish needs a Price")
        product = products.get(price.sku)
        if product is None:
            raise await self.master.no_product(price.sku, f"price of {price.sku!r}")
        standard = price.price_list is None and price.min_quantity <= 1
        endless = price.valid_from is None and price.valid_until is None
        company = await self.master.company_currency()
        if (
            standard
            and endless
            and price.amount.currency == company
            and product["product_variant_count"] == 1
        ):
            cells = {".id": str(product["id"]), "list_price": f"{price.amount.amount:f}"}
            return "product.product", cells
        return "product.pricelist.item", {
            "id": f"{self.namespace}.{command.entity_id}",
            "pricelist_id/.id": str(await self._pricelist(price)),
            "applied_on": "0_product_variant",
            "product_id/.id": str(product["id"]),
            "compute_price": "fixed",
            "fixed_price": f"{price.amount.amount:f}",
            "min_quantity": f"{price.min_quantity:f}" if price.min_quantity > 1 else "0",
            "date_start": _moment(price.valid_from),
            "date_end": _moment(price.valid_until),
        }

    async def _pricelist(self, price: Price) -> int:
        """RejectedError: the price list is not mapped, or Odoo's is in another currency."""
        currency = price.amount.currency
        if price.price_list is None:
            return await self.master.pricelist(currency)
        chosen = self.rpc.config.pricelists
        known = [price.price_list.native_id, price.price_list.id]
        key = next((key for key in known if key and key in chosen), None)
        if key is None:
            name = known[0] or known[1]
            raise crossdock.RejectedError(
                f"price of {price.sku!r}: price list {name!r} stands for no pricelist of Odoo. "
                f'Map it: pricelists: {{"{name}": <id or name>}}',
                reason="unknown_price_list",
                parts={"sku": price.sku, "price_list": name},
            )
        return await self.master.pricelist(currency, key)


def _moment(value: datetime | None) -> str:
    """`load` reads text times in the time zone of the context, which is always UTC here."""
    return "" if value is None else value.astimezone(UTC).strftime(STAMP)
