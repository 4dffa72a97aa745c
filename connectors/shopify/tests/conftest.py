"""What the tests share: recordings, a served sandbox, a connector that speaks to it."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from crossdock import Command, Context, Http, Raw
from crossdock.canonical import EntityRef, Fulfillment, FulfillmentLine, InventoryLevel, Tracking
from crossdock.testing.sandbox import serve
from crossdock_shopify.client import Shopify, open_shopify
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.sandbox import ShopifySandbox
from crossdock_shopify.sandbox_orders import plain_order
from crossdock_shopify.sandbox_shop import ShopOrder

RECORDINGS = Path(__file__).parent / "recordings"
Record = Callable[[str], Raw]


@pytest.fixture(scope="session")
def recording() -> Record:
    """One of Shopify's own samples, by topic, as it would arrive."""

    def read(topic: str) -> Raw:
        path = RECORDINGS / f"{topic.replace('/', '.', 1)}.json"
        body = json.loads(path.read_text("utf-8"))["response"]
        return Raw(topic, data=json.dumps(body).encode())

    return read


class Bench:
    """A served sandbox and a connector opened on it."""

    def __init__(self, box: ShopifySandbox, url: str, shop: Shopify, http: Http) -> None:
        self.box = box
        self.url = url
        self.shop = shop
        self.http = http

    async def fault(self, **fault: Any) -> None:
        await self.http.post("/_sandbox/faults", json=fault)

    def config(self, **changes: Any) -> ShopifyConfig:
        given = {**self.box.connection(self.url), **changes}
        given.pop("connector")
        return ShopifyConfig.model_validate(given)

    def place(self, goods: Mapping[str, int], places: Mapping[int, int] | None = None) -> ShopOrder:
        """A paid order of so much of these SKUs."""
        return plain_order(self.box.shop, goods, places)

    def order(self) -> str:
        """A new order of three TEE-S (line …100) and two MUG-BLUE (line …101); its id."""
        return str(self.place({"TEE-S": 3, "MUG-BLUE": 2}).id)

    def ship(
        self,
        order: str,
        quantities: tuple[int, ...],
        *tracking: str,
        attempt: int = 1,
        type_: str = "fulfillment.create",
        native: str | None = None,
    ) -> Command[Fulfillment]:
        """So much of the lines of an order of `order()`."""
        data = Fulfillment(
            id="ful_x",
            order=EntityRef(id="ord_x"),
            location="WH",
            lines=tuple(
                FulfillmentLine(line_id=str(int(order) + 100 + i), quantity=quantity)
                for i, quantity in enumerate(quantities)
                if quantity
            ),
            tracking=tuple(Tracking(number=number, carrier="UPS") for number in tracking),
        )
        ids = {"ord_x": order} | ({"ful_x": native} if native else {})
        return Command(
            id="cmd_1", type=type_, data=data, entity_id="ful_x", native_ids=ids, attempt=attempt
        )

    def publish(self, sku: str, available: Any, **more: Any) -> Command[InventoryLevel]:
        data = InventoryLevel(sku=sku, location=more.pop("location", "WH"), available=available)
        return Command(
            id=more.pop("id", "cmd_2"), type="inventory.publish", data=data, entity_id="inv_x"
        )

    async def polled(self, cursor: str | None = None) -> list[Raw]:
        """What one poll brings."""
        return [raw async for raw in self.shop.poll(cursor)]


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Options by `@pytest.mark.parametrize("bench", [{…}], indirect=True)`."""
    options = dict(getattr(request, "param", {}))
    box = ShopifySandbox()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(box.app))
        http = await stack.enter_async_context(Http(name="test", base_url=url))
        connection = {**box.connection(url), **options}
        connection.pop("connector")
        config = ShopifyConfig.model_validate(connection)
        shop = await stack.enter_async_context(open_shopify(config, Context(connection="web")))
        stack.push_async_callback(box.aclose)
        yield Bench(box, url, shop, http)
