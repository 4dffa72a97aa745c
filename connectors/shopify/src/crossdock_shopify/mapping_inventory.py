"""What Shopify says of stock: a level as read from the Admin API, and the stocked thing. Pure.

Shopify's `on_hand` = available + committed + reserved + damaged + safety_stock + quality_control
(https://shopify.dev/docs/apps/build/orders-fulfillment/inventory-management-apps). Its `committed`
is promised to orders and its `reserved` to drafts and transfers: both are our `reserved`.
"""

from collections.abc import Iterator
from decimal import Decimal

from crossdock import Event, Ignore, Raw, revision_of
from crossdock.canonical import EntityRef, InventoryLevel, Measure, StockItem
from crossdock.canonical.entity import Entity

from crossdock_shopify.graphql_shapes import gid_number
from crossdock_shopify.mapping_fulfillments import place_of
from crossdock_shopify.order_parts import EXTENSION
from crossdock_shopify.reading import Obj

_WEIGHTS = {"kg": "KGM", "g": "GRM", "lb": "LBR", "oz": "ONZ"}


def level_events(node: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """`inventory.level_changed`, at a location that the deployment names."""
    item = node.need_object("item")
    item_id = gid_number(item, "id")
    location_id = gid_number(node.need_object("location"), "id")
    if item_id is None or location_id is None:
        node.fail("id", "an inventory item and a location", None)
    place = place_of(raw, location_id)
    if place is None:
        raise Ignore(f"Shopify location {location_id} is not named under `locations` here")
    sku = item.text("sku")
    if sku is None:
        raise Ignore(f"inventory item {item_id} has no SKU")
    if item.data.get("tracked") is False:
        raise Ignore(f"the shop does not track the stock of {sku}")
    told = {
        row.need_text("name"): Decimal(row.whole("quantity")) for row in node.objects("quantities")
    }
    updated_at = node.need_moment("updatedAt")
    zero = Decimal(0)
    finer = {name: told.get(name, zero) for name in ("damaged", "safety_stock", "quality_control")}
    below = [name for name, quantity in finer.items() if quantity < 0]
    if below:
        node.fail("quantities", f"{' and '.join(below)} of 0 or more", str(min(finer.values())))
    incoming = told.get("incoming", zero)
    data = InventoryLevel(
        sku=sku,
        location=place,
        item=EntityRef(native_id=item_id),
        on_hand=told.get("on_hand"),
        available=told.get("available"),
        reserved=told.get("committed", zero) + told.get("reserved", zero),
        damaged=finer["damaged"],
        safety=finer["safety_stock"],
        quality_control=finer["quality_control"],
        incoming=incoming,
        as_of=updated_at,
        updated_at=updated_at,
    )
    yield Event(
        type="inventory.level_changed",
        data=data,
        native_id=f"{item_id}:{location_id}",
        revision=revision_of(updated_at),
        occurred_at=updated_at,
    )


def item_events(body: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """`stock_item.changed` of `inventory_items/*`. Its cost has no currency in the payload."""
    sku = body.text("sku")
    if sku is None:
        raise Ignore("this inventory item has no SKU yet")
    weight, unit = body.rate("weight_value"), body.text("weight_unit")
    cost = body.amount("cost") if isinstance(body.data.get("cost"), str) else None
    updated_at = body.need_moment("updated_at")
    code = _WEIGHTS.get(unit or "")
    extensions = {
        key: value
        for key, value in (
            ("cost", format(cost, "f") if cost is not None else None),
            ("province_code_of_origin", body.text("province_code_of_origin")),
            ("tracked", False if body.data.get("tracked") is False else None),
        )
        if value is not None
    }
    data = StockItem(
        sku=sku,
        weight=Measure(value=weight, unit=code) if weight and weight > 0 and code else None,
        hs_code=body.text("harmonized_system_code"),
        origin=body.country("country_code_of_origin"),
        updated_at=updated_at,
        extensions={EXTENSION: extensions} if extensions else {},
    )
    yield Event(
        type="stock_item.changed",
        data=data,
        native_id=body.need_id(),
        revision=revision_of(updated_at),
        occurred_at=updated_at,
    )
