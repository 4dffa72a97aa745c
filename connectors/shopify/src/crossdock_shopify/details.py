"""Reading things whole: one order, return, product or level by its id, with every page of it.

Each comes as a record `{…node…}` whose topic is the name of its GraphQL type; connections longer
than a page have all their nodes. What stands beside the record and not in it travels in headers:
our names of the locations it names, the shop's currency, and whether it is our own doing.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossdock import Raw
from crossdock.identity import fingerprint

from crossdock_shopify import echoes, graphql_shapes, queries, queries_read
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.echoes import Echoes
from crossdock_shopify.graphql import GraphQL, next_page
from crossdock_shopify.mapping_fulfillments import PLACES_HEADER
from crossdock_shopify.mapping_goods import CURRENCY_HEADER
from crossdock_shopify.order_lines import NOT_SHIPPED
from crossdock_shopify.reading import Obj

Node = dict[str, Any]
_LOCATION = re.compile(rb"gid://shopify/Location/([0-9]{1,20})")
_AT_ONCE = 3
"""Things read side by side; the rate budget says how fast."""
_BY_ID: Mapping[str, tuple[str, int]] = {
    "Fulfillment": (queries_read.FULFILLMENTS_BY_ID, 3),
    "FulfillmentOrder": (queries_read.FULFILLMENT_ORDERS_BY_ID, 4),
    "Refund": (queries_read.REFUNDS_BY_ID, 1),
    "InventoryLevel": (queries_read.LEVELS_BY_ID, 100),
    "Customer": (queries_read.CUSTOMERS_BY_ID, 30),
}
"""Document and how many ids one call may name: so many cost less than 1,000 points."""


@dataclass
class Details:
    """One shop, read thing by thing."""

    config: ShopifyConfig
    graphql: GraphQL
    echoes: Echoes
    currency: str = ""
    """The shop's own, once it was asked for."""
    codes: dict[str, str] = field(default_factory=dict)
    """Shopify's number of a location to our name of it."""

    def __post_init__(self) -> None:
        self.codes = {
            gid.rpartition("/")[2]: code for code, gid in sorted(self.config.locations.items())
        }

    async def read(self, kind: str, gids: Sequence[str]) -> AsyncIterator[Raw]:
        """Each of these as a record, oldest request first; what is gone is left out."""
        if kind == "ReverseFulfillmentOrder":
            kind, gids = "Return", await self._returns_behind(gids)
        for start in range(0, len(gids), 60):
            for node in await self._nodes(kind, gids[start : start + 60]):
                yield await self.record(kind, node)

    async def record(self, kind: str, node: Node) -> Raw:
        """The landing record of one node; equal for equal nodes."""
        data = json.dumps(node, ensure_ascii=False, separators=(",", ":")).encode()
        headers = self.beside(data)
        if kind == "Product":
            headers[CURRENCY_HEADER] = await self.shop_currency()
        headers |= echoes.header(self._ours(kind, node))
        number = str(node.get("id", "")).rpartition("/")[2].replace("?inventory_item_id=", ":")
        return Raw(
            kind,
            data=data,
            key=self._key(kind, node),
            delivery_id=f"read:{kind}:{number}:{fingerprint(data)[:24]}",
            headers=headers,
        )

    def beside(self, data: bytes) -> dict[str, str]:
        """The header with our names of the locations that these bytes name."""
        found = dict.fromkeys(number.decode() for number in _LOCATION.findall(data))
        pairs = [f"{number}={self.codes[number]}" for number in found if number in self.codes]
        return {PLACES_HEADER: " ".join(pairs)} if pairs else {}

    async def shop_currency(self) -> str:
        """What product prices are in."""
        if not self.currency:
            answer = await self.graphql.run(queries.SHOP, {"locations": []})
            self.currency = answer.data.need_object("shop").currency("currencyCode") or ""
        return self.currency

    async def _nodes(self, kind: str, gids: Sequence[str]) -> list[Node]:
        if kind in _BY_ID:
            found = await self._by_id(kind, gids)
            return [found[gid] for gid in gids if gid in found]
        single = {"Order": self.order, "Return": self.return_, "Product": self.product}[kind]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(gid: str) -> Node | None:
            async with gate:
                return await single(gid)

        return [node for node in await asyncio.gather(*map(one, gids)) if node is not None]

    async def order(self, gid: str) -> Node | None:
        """An order with all lines, fulfilments and refunds; None when there is none."""
        answer = await self.graphql.run(queries_read.ORDER, {"id": gid})
        order = answer.data.object("order")
        return None if order is None else await self.complete_order(order)

    async def complete_order(self, order: Obj) -> Node:
        """The same order with whatever its first reading only named."""
        node = order.data
        gid = order.need_text("id")
        for key, document in (
            ("lineItems", queries_read.ORDER_LINES),
            ("discountApplications", queries_read.ORDER_DISCOUNTS),
        ):
            first = order.need_object(key)
            nodes = await self.graphql.rest_of(first, document, {"id": gid}, "order", key)
            node[key] = {"nodes": nodes}
        for key, kind in (("fulfillments", "Fulfillment"), ("refunds", "Refund")):
            ids = [item.need_text("id") for item in order.objects(key)]
            found = await self._by_id(kind, ids)
            node[key] = [found[one] for one in ids if one in found]
        return node

    async def return_(self, gid: str) -> Node | None:
        """A return with all its lines and what was taken in."""
        answer = await self.graphql.run(queries_read.RETURN, {"id": gid})
        found = answer.data.object("return")
        if found is None:
            return None
        node, given = found.data, {"id": gid}
        node["returnLineItems"] = {
            "nodes": await self.graphql.rest_of(
                found.need_object("returnLineItems"),
                queries_read.RETURN_LINES_ON,
                given,
                "return",
                "returnLineItems",
            )
        }
        reverse = await self.graphql.rest_of(
            found.need_object("reverseFulfillmentOrders"),
            queries_read.REVERSE_ORDERS_ON,
            given,
            "return",
            "reverseFulfillmentOrders",
        )
        for item in reverse:
            read = Obj("Return", item)
            item["lineItems"] = {
                "nodes": await self.graphql.rest_of(
                    read.need_object("lineItems"),
                    queries_read.REVERSE_LINES_ON,
                    {"id": read.need_text("id")},
                    "reverseFulfillmentOrder",
                    "lineItems",
                )
            }
        node["reverseFulfillmentOrders"] = {"nodes": reverse}
        return node

    async def product(self, gid: str) -> Node | None:
        """A product with all its variants."""
        answer = await self.graphql.run(queries_read.PRODUCT, {"id": gid})
        found = answer.data.object("product")
        if found is None:
            return None
        nodes = await self.graphql.rest_of(
            found.need_object("variants"),
            queries_read.PRODUCT_VARIANTS_ON,
            {"id": gid},
            "product",
            "variants",
        )
        return found.data | {"variants": {"nodes": nodes}}

    async def returns_of(self, order_gid: str) -> list[str]:
        """The ids of an order's returns."""
        pages = self.graphql.pages(
            queries_read.ORDER_RETURNS, {"id": order_gid}, "order", "returns"
        )
        return [node.need_text("id") async for page in pages for node in page.objects("nodes")]

    async def _returns_behind(self, gids: Iterable[str]) -> list[str]:
        """A disposition's webhook names its reverse order alone, which knows its order."""
        found: dict[str, None] = {}
        for gid in gids:
            answer = await self.graphql.run(queries_read.REVERSE_ORDER_OF, {"id": gid})
            reverse = answer.data.object("reverseFulfillmentOrder")
            order = reverse.object("order") if reverse else None
            if order is not None:
                found |= dict.fromkeys(await self.returns_of(order.need_text("id")))
        return list(found)

    async def _by_id(self, kind: str, gids: Sequence[str]) -> dict[str, Node]:
        document, most = _BY_ID[kind]
        found: dict[str, Node] = {}
        for start in range(0, len(gids), most):
            answer = await self.graphql.run(document, {"ids": list(gids[start : start + most])})
            for item in answer.data.objects_or_null("nodes"):
                if item is not None and "id" in item.data:
                    found[item.need_text("id")] = await self._whole(kind, item)
        return found

    async def _whole(self, kind: str, item: Obj) -> Node:
        given = {"id": item.need_text("id")}
        match kind:
            case "Fulfillment":
                key, document, holder = (
                    "fulfillmentLineItems",
                    queries_read.FULFILLMENT_LINES_ON,
                    "fulfillment",
                )
            case "FulfillmentOrder":
                key, document, holder = (
                    "lineItems",
                    queries_read.FULFILLMENT_ORDER_LINES_ON,
                    "fulfillmentOrder",
                )
            case "Refund":
                key, document, holder = "refundLineItems", queries_read.REFUND_LINES_ON, "refund"
            case _:
                return item.data
        first = item.need_object(key)
        if next_page(first) is None:
            return item.data | {key: {"nodes": first.array("nodes")}}
        nodes = await self.graphql.rest_of(first, document, given, holder, key)
        return item.data | {key: {"nodes": nodes}}

    def _ours(self, kind: str, node: Node) -> dict[str, str]:
        """What of this node is our own doing of late: kind and number to the command."""
        found: dict[str, str] = {}
        match kind:
            case "Order":
                for item in node.get("fulfillments") or []:
                    found |= self._ours("Fulfillment", item)
                self._changed("order", node, found)
            case "Fulfillment":
                body = Obj(kind, graphql_shapes.fulfillment(Obj(kind, node)))
                if command := self.echoes.match(fulfillment_look(body)):
                    found[f"fulfillment/{body.need_id()}"] = command
                    found[f"package/{body.need_id()}"] = command
            case "InventoryLevel":
                native_id, figures = _level(Obj(kind, node))
                look = echoes.stock_look(native_id, figures.get("available", 0))
                if command := self.echoes.match(look, once=True):
                    found[f"inventory/{native_id}"] = command
            case "Product":
                self._changed("product", node, found)
        return found

    def _changed(self, kind: str, node: Node, found: dict[str, str]) -> None:
        number = str(node["id"]).rpartition("/")[2]
        look = echoes.change_look(kind, number, str(node["updatedAt"]))
        if command := self.echoes.match(look):
            found[f"{kind}/{number}"] = command

    @staticmethod
    def _key(kind: str, node: Node) -> str:
        read = Obj(kind, node)
        match kind:
            case "Order":
                return f"order:{graphql_shapes.gid_number(read, 'id')}"
            case "Fulfillment":
                return f"order:{graphql_shapes.gid_number(read.need_object('order'), 'id')}"
            case "FulfillmentOrder":
                return f"order:{graphql_shapes.gid_number(read, 'orderId')}"
            case "InventoryLevel":
                return f"inventory:{_level(read)[0]}"
            case _:
                return f"{kind.lower()}:{graphql_shapes.gid_number(read, 'id')}"


def fulfillment_look(body: Obj) -> str:
    """What a REST-shaped fulfilment looks like, as `fulfilling` and `tracking` expect it."""
    lines: dict[str, int] = {}
    for line in body.objects("line_items"):
        line_id = line.need_id()
        lines[line_id] = lines.get(line_id, 0) + line.count("quantity")
    numbers = body.texts("tracking_numbers")
    if not numbers and (single := body.text("tracking_number")):
        numbers = (single,)
    gone = body.text("status") in NOT_SHIPPED
    return echoes.shipment_look(body.number("order_id") or "", lines, numbers, gone)


def _level(node: Obj) -> tuple[str, dict[str, int]]:
    item = graphql_shapes.gid_number(node.need_object("item"), "id")
    location = graphql_shapes.gid_number(node.need_object("location"), "id")
    figures = {row.need_text("name"): row.whole("quantity") for row in node.objects("quantities")}
    return f"{item}:{location}", figures
