"""The sandbox behaves as Shopify does, as far as we use it."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from crossdock import AuthError, Event, Ignore, Raw, Request, UnavailableError
from crossdock.canonical import Order, statuses
from crossdock.canonical.entity import Entity
from crossdock.testing.sandbox import make, serve
from crossdock_shopify import queries, sandbox_hooks
from crossdock_shopify.mapping import translate
from crossdock_shopify.sandbox import ShopifySandbox
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

Bench = Any
PATH = "/admin/api/2026-07/graphql.json"


async def ask(bench: Bench, query: str, variables: Any = None, **headers: str) -> Any:
    sent = {"X-Shopify-Access-Token": bench.box.access_token, **headers}
    body = {"query": query, "variables": variables or {}}
    return (await bench.http.post(PATH, json=body, headers=sent)).json()


def stock_input(bench: Bench, quantity: int, expected: int | None, **more: Any) -> dict[str, Any]:
    row = {
        "inventoryItemId": f"gid://shopify/InventoryItem/{bench.box.shop.variants['TOTE']['item']}",
        "locationId": "gid://shopify/Location/24826418",
        "quantity": quantity,
        "changeFromQuantity": expected,
    }
    return {"name": "available", "reason": "correction", "quantities": [row], **more}


async def set_stock(bench: Bench, key: str, **given: Any) -> list[str]:
    answer = await ask(bench, queries.INVENTORY_SET, {"key": key, "input": given})
    return [e["code"] for e in answer["data"]["inventorySetQuantities"]["userErrors"]]


async def test_every_answer_tells_its_cost(bench: Bench) -> None:
    answer = await ask(bench, "{ shop { name } }")
    assert answer["data"] == {"shop": {"name": "Crossdock Demo"}}
    cost = answer["extensions"]["cost"]
    assert cost["requestedQueryCost"] == 1
    assert set(cost["throttleStatus"]) == {
        "maximumAvailable",
        "currentlyAvailable",
        "restoreRate",
    }


async def test_the_vendors_schema_decides(bench: Bench) -> None:
    answer = await ask(bench, "{ shop { colour } }")
    assert "Cannot query field" in answer["errors"][0]["message"]
    answer = await ask(bench, "{")
    assert "Syntax Error" in answer["errors"][0]["message"]


async def test_a_document_that_costs_too_much_is_refused(bench: Bench) -> None:
    inner = "inventoryItem { variants(first: 9) { nodes { id } } }"
    query = f"{{ productVariants(first: 250) {{ nodes {{ {inner} }} }} }}"
    answer = await ask(bench, query)
    assert answer["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


async def test_an_empty_bucket_throttles(bench: Bench) -> None:
    bench.box.bucket.take(20_000)
    bench.box.bucket.restore_rate = 0.0
    answer = await ask(bench, "{ shop { name } }")
    assert answer["errors"] == [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
    assert answer["extensions"]["cost"]["actualQueryCost"] is None
    assert "data" not in answer


async def test_the_token_is_checked(bench: Bench) -> None:
    with pytest.raises(AuthError):
        await bench.http.post(PATH, json={"query": "{ shop { name } }"})


async def test_idempotency_keys_are_honoured(bench: Bench) -> None:
    assert await set_stock(bench, "k", **stock_input(bench, 5, 1000)) == []
    assert await set_stock(bench, "k", **stock_input(bench, 5, 1000)) == []
    assert await set_stock(bench, "k", **stock_input(bench, 6, 5)) == [
        "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    ]
    report = bench.box.report()
    assert (report["stock"]["TOTE"], report["stock_updates"]) == (5, 1)
    assert report["idempotent_replays"] == 1


async def test_stock_is_compared_before_it_is_set(bench: Bench) -> None:
    assert await set_stock(bench, "a", **stock_input(bench, 5, 999)) == [
        "CHANGE_FROM_QUANTITY_STALE"
    ]
    assert await set_stock(bench, "b", **stock_input(bench, 5, None)) == []
    assert await set_stock(bench, "c", **stock_input(bench, 5, 5, reason="mood")) == [
        "INVALID_REASON"
    ]


async def test_comparison_and_idempotency_are_not_optional(bench: Bench) -> None:
    given = stock_input(bench, 5, 1000)
    bare = queries.INVENTORY_SET.replace("@idempotent(key: $key)", "").replace(
        ", $key: String!", ""
    )
    answer = await ask(bench, bare, {"input": given})
    assert "@idempotent directive is required" in answer["errors"][0]["message"]
    del given["quantities"][0]["changeFromQuantity"]
    answer = await ask(bench, queries.INVENTORY_SET, {"input": given, "key": "k"})
    assert "changeFromQuantity" in answer["errors"][0]["message"]


async def test_a_cut_connection_is_no_answer(bench: Bench) -> None:
    await bench.fault(kind="down", count=2, match="shop")
    for _ in range(2):
        with pytest.raises(UnavailableError, match="no whole answer"):
            await ask(bench, "{ shop { name } }")
    assert (await ask(bench, "{ shop { name } }"))["data"]


class Hooks:
    """Where webhooks arrive; refuses every `refuse`-th, and takes `takes_s` over each."""

    def __init__(self, refuse: int = 0, takes_s: float = 0.0) -> None:
        self.refuse = refuse
        self.takes_s = takes_s
        self.seen = 0
        self.requests: list[Request] = []
        self.app = Starlette(routes=[Route("/hooks/web", self.take, methods=["POST"])])

    async def take(self, request: HttpRequest) -> Response:
        self.seen += 1
        body = await request.body()
        await asyncio.sleep(self.takes_s)
        if self.refuse and self.seen % self.refuse == 0:
            return Response(status_code=503)
        self.requests.append(Request(headers=dict(request.headers), body=body))
        return Response(status_code=202)


async def sold(bench: Bench, hooks: Hooks, url: str, **sale: Any) -> list[Raw]:
    answer = await bench.http.post("/_sandbox/sell", json={"hooks_url": f"{url}/hooks/web", **sale})
    assert answer.status == 202
    while (await bench.http.get("/_sandbox/report")).json()["selling"]:
        await asyncio.sleep(0.02)
    return [bench.shop.receive(request) for request in hooks.requests]


async def test_it_sells_what_adds_up(bench: Bench) -> None:
    hooks = Hooks()
    async with serve(hooks.app) as url:
        raws = await sold(bench, hooks, url, orders=60, seed=7, duplicates=0.2, reordered=0.2)
    report = bench.box.report()
    events = [event for raw in raws for event in translate(raw)]
    assert {event.native_id for event in events} == set(report["orders"])
    assert {event.type for event in events} == {"order.placed", "order.paid", "order.updated"}
    assert report["deliveries"]["accepted"] == len(raws)
    assert report["deliveries"]["duplicates"] == len(raws) - len({r.delivery_id for r in raws}) > 3
    first = {raw.key: raw.topic for raw in reversed(raws)}
    assert sum(t != "orders/create" for t in first.values()) == report["deliveries"]["reordered"]
    assert {statuses(e.data).payment for e in events if isinstance(e.data, Order)} == {"paid"}
    for event in events:
        adds_up(event)
        told = report["orders"][event.native_id]
        assert isinstance(event.data, Order)
        assert {line.line_id: line.ordered for line in event.data.lines} == told["lines"]
        assert str(event.data.totals.total.amount) == told["total"]


def adds_up(event: Event[Entity]) -> None:
    order = event.data
    assert isinstance(order, Order)
    assert order.totals.subtotal
    assert order.totals.tax
    assert order.totals.shipping
    lines = sum(
        (
            line.unit_price.amount * line.ordered - sum(d.amount.amount for d in line.discounts)
            for line in order.lines
        ),
        Decimal(0),
    )
    tax = sum(
        (t.amount.amount for line in order.lines for t in line.taxes),
        sum((t.amount.amount for s in order.shipping for t in s.taxes), Decimal(0)),
    )
    assert lines == order.totals.subtotal.amount
    assert tax == order.totals.tax.amount
    shipping = sum((s.price.amount for s in order.shipping), Decimal(0))
    assert shipping == order.totals.shipping.amount
    on_top = Decimal(0) if order.prices_include_tax else tax
    assert lines + shipping + on_top == order.totals.total.amount


async def test_news_that_has_piled_up_does_not_give_up_in_its_own_queue(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred at once over four connections; the last waits longer than a call may take."""
    monkeypatch.setattr(sandbox_hooks, "TIMEOUT_S", 0.5)
    hooks = Hooks(takes_s=0.02)
    async with serve(hooks.app) as url:
        await sold(bench, hooks, url, orders=1, concurrency=4)
        await sold(bench, hooks, url, orders=100, concurrency=100)
    told = bench.box.report()["deliveries"]
    assert told["attempts"] == told["sent"] == told["accepted"]


async def test_a_refused_webhook_comes_again_the_same(bench: Bench) -> None:
    hooks = Hooks(refuse=3)
    async with serve(hooks.app) as url:
        raws = await sold(bench, hooks, url, orders=12, seed=1, retry_s=0.01)
    report = bench.box.report()["deliveries"]
    assert report["attempts"] == hooks.seen > report["sent"]
    assert report["accepted"] == report["sent"] == len(raws)
    order: dict[str, list[str]] = {}
    for raw in raws:
        order.setdefault(raw.key, []).append(raw.topic)
    assert all(topics[0] == "orders/create" for topics in order.values())


async def test_what_we_tell_it_echoes(bench: Bench) -> None:
    hooks = Hooks()
    async with serve(hooks.app) as url:
        await sold(bench, hooks, url, orders=0, echo=True)
        order = bench.order()
        await bench.shop.apply(bench.ship(order, (3, 2), "T1"))
        await bench.shop.apply(bench.publish("TOTE", 7))
        while len(hooks.requests) < 2:
            await asyncio.sleep(0.01)
    raws = {raw.topic: raw for raw in map(bench.shop.receive, hooks.requests)}
    assert set(raws) == {"fulfillments/create", "inventory_levels/update"}
    with pytest.raises(Ignore, match="echo: this was done by our own command cmd_1"):
        list(translate(raws["fulfillments/create"]))
    assert raws["fulfillments/create"].key == f"order:{order}"
    raws["fulfillments/create"].headers.clear()
    (event,) = translate(raws["fulfillments/create"])
    assert event.type == "fulfillment.shipped"


async def test_unknown_wishes_are_refused(bench: Bench) -> None:
    response = await bench.http.post("/_sandbox/sell", json={"order": 1}, accept={400})
    assert "unknown ['order']" in response.json()["error"]
    response = await bench.http.post("/_sandbox/faults", json={"kind": "x"}, accept={400})
    assert response.status == 400


def test_it_is_found_by_the_connectors_name() -> None:
    assert isinstance(make("shopify"), ShopifySandbox)
