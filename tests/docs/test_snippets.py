"""Every Python block of the connector guides runs, and does what its page says."""

import asyncio
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import crossdock
import pytest
from crossdock.canonical import EntityRef, Fulfillment
from crossdock.http import Http
from crossdock.testing.sandbox import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ROOT = Path(__file__).parents[2]
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def page(name: str) -> dict[str, Any]:
    """What the blocks of a guide define, run one after the other."""
    names: dict[str, Any] = {"__name__": name}
    for block in PYTHON.findall((ROOT / f"docs/guides/{name}.md").read_text()):
        exec(compile(block, f"{name}.md", "exec", dont_inherit=True), names)
    return names


def test_webhooks() -> None:
    receive = page("webhooks")["receive"]
    import base64

    body = b'{"id": "17", "version": 2}'
    signature = base64.b64encode(hmac.digest(b"s3cret", body, hashlib.sha256)).decode()
    headers = {"x-acme-signature": signature, "x-acme-topic": "order.changed"}
    raw = receive("s3cret", crossdock.Request(headers=headers, body=body))
    assert (raw.key, raw.delivery_id, raw.data) == ("order:17", "order.changed:17:2", body)
    with pytest.raises(crossdock.AuthError):
        receive("s3cret", crossdock.Request(headers=headers, body=body + b" "))
    thin = crossdock.Request(headers={}, body=b'{"scope": "store/order/updated", "data": {}}')
    assert page("webhooks")["named"](thin).topic == "store/order/updated"


def test_a_thin_webhook_wakes_the_reading() -> None:
    make = page("webhooks")["Acme"]

    async def order(request: Request) -> Response:
        number = request.path_params["number"]
        return JSONResponse({"id": number}, 404 if number == "251" else 200)

    async def hear() -> tuple[list[crossdock.Raw], list[crossdock.Raw], int]:
        async with (
            serve(Starlette(routes=[Route("/orders/{number}", order)])) as url,
            Http(name="acme", base_url=url) as http,
        ):
            acme = make(http)
            heard = [
                acme.receive(crossdock.Request(headers={}, body=body))
                for body in (
                    b'{"scope": "store/order/updated", "data": {"id": 250}}',
                    b'{"scope": "store/order/archived", "data": {"id": 250}}',
                    b'{"scope": "store/order/created", "data": {"id": 251}}',
                )
            ]
            return heard, [raw async for raw in acme.poll("here")], len(acme.named)

    heard, read, left = asyncio.run(hear())
    assert [raw.key for raw in heard] == ["order:250", "order:250", "order:251"]
    assert heard[0].topic == "store/order/updated"
    assert [(raw.key, raw.data, raw.cursor) for raw in read] == [
        ("order:250", b'{"id":"250"}', "here")
    ]
    assert left == 0


def test_polling() -> None:
    poll = page("polling")["poll"]
    rows = [
        {"id": str(i), "version": i, "updated_at": f"2026-01-0{i}T00:00:00Z"} for i in (1, 2, 3)
    ]

    async def orders(request: Request) -> Response:
        at = int(request.query_params.get("page", "0"))
        left = [one for one in rows if one["updated_at"] >= request.query_params.get("since", "")]
        following = str(at + 2) if at + 2 < len(left) else None
        return JSONResponse({"items": left[at : at + 2], "next": following})

    async def read() -> tuple[list[Any], list[Any]]:
        async with (
            serve(Starlette(routes=[Route("/orders", orders)])) as url,
            Http(name="acme", base_url=url) as http,
        ):
            first = [raw async for raw in poll(http, None)]
            return first, [raw async for raw in poll(http, first[-1].cursor)]

    first, second = asyncio.run(read())
    assert [raw.key for raw in first] == ["order:1", "order:2", "order:3"]
    assert [raw.delivery_id for raw in second] == ["order:3:3"]


def test_polling_stays_behind_the_present_second() -> None:
    poll = page("polling")["poll_seconds"]
    rows = [{"id": str(i), "updated_at": f"2026-01-01T00:00:0{i}Z"} for i in (1, 2, 3)]
    present = ["Thu, 01 Jan 2026 00:00:04 GMT"]

    async def orders(request: Request) -> Response:
        left = [one for one in rows if one["updated_at"] >= request.query_params.get("since", "")]
        return JSONResponse({"items": left, "next": None}, headers={"date": present[0]})

    async def read() -> list[Any]:
        async with (
            serve(Starlette(routes=[Route("/orders", orders)]), dated=False) as url,
            Http(name="acme", base_url=url) as http,
        ):
            first = [raw async for raw in poll(http, None)]
            present[0] = "Thu, 01 Jan 2026 00:00:05 GMT"
            return [first, [raw async for raw in poll(http, first[-1].cursor)]]

    first, second = asyncio.run(read())
    assert [raw.key for raw in first] == ["order:1", "order:2"]
    assert [raw.key for raw in second] == ["order:2", "order:3"]


def test_a_snapshot() -> None:
    snapshot = page("polling")["snapshot"]

    async def orders(request: Request) -> Response:
        assert request.query_params["since"].startswith("2026-01-01")
        row = {"id": "7", "version": 1, "updated_at": "2026-01-02T00:00:00Z"}
        return JSONResponse({"items": [row], "next": None})

    async def read() -> list[Any]:
        app = Starlette(routes=[Route("/orders", orders)])
        async with serve(app) as url, Http(name="acme", base_url=url) as http:
            with pytest.raises(crossdock.RejectedError, match="price"):
                _ = [raw async for raw in snapshot(http, crossdock.Window(kind="price"))]
            window = crossdock.Window(kind="order", since=datetime(2026, 1, 1, tzinfo=UTC))
            return [raw.key async for raw in snapshot(http, window)]

    assert asyncio.run(read()) == ["order:7"]


def test_polling_what_is_listed_newest_first() -> None:
    poll = page("polling")["poll_parcels"]
    rows = [
        {"id": f"p{i}", "created_at": f"2026-01-0{i}T00:00:00Z", "updated_at": changed}
        for i, changed in ((4, "2026-01-04T08:00:00Z"), (3, "2026-01-05T01:00:00+02:00"))
    ]
    rows += [
        {"id": "p2", "created_at": "2026-01-02T00:00:00Z", "updated_at": "2026-01-09T00:00:00Z"}
    ]
    rows += [
        {"id": "p1", "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z"}
    ]
    asked: list[str] = []

    async def parcels(request: Request) -> Response:
        before = request.query_params.get("before_id", "")
        asked.append(before)
        start = next((i + 1 for i, one in enumerate(rows) if one["id"] == before), 0)
        told = rows[start : start + 2] if before != "p3" else rows[start : start + 1]
        return JSONResponse({"parcels": told, "has_more": start + len(told) < len(rows)})

    async def read() -> tuple[list[Any], list[Any]]:
        async with (
            serve(Starlette(routes=[Route("/parcels", parcels)])) as url,
            Http(name="acme", base_url=url) as http,
        ):
            first = [raw async for raw in poll(http, None)]
            return first, [raw async for raw in poll(http, first[-1].cursor, timedelta(days=2))]

    first, second = asyncio.run(read())
    assert [raw.key for raw in first] == ["parcel:p1", "parcel:p4", "parcel:p3", "parcel:p2"]
    # p2 was on a later page: its change is told, but the cursor waits for what page one may miss
    assert first[-1].cursor == first[-2].cursor == "2026-01-04T23:00:00.000000Z"
    assert [raw.delivery_id for raw in second] == [raw.delivery_id for raw in first[2:]]
    # the second poll ends at its horizon, two days before the cursor
    assert asked == ["", "p3", "p2", "", "p3"]


def test_a_label_of_two_steps_goes_on_from_the_first() -> None:
    labels = page("carriers")["Labels"]
    made: dict[str, bool] = {}

    async def shipments(request: Request) -> Response:
        reference = request.path_params.get("id")
        if reference is None:
            reference = (await request.json())["reference"]
            assert reference not in made
            made[reference] = False
        if request.url.path.endswith("/buy"):
            made[reference] = True
        known = reference in made
        told = {"id": reference, "bought": made.get(reference)}
        return JSONResponse(told, status_code=200 if known else 404)

    async def drive() -> list[Any]:
        routes = [
            Route("/shipments", shipments, methods=["POST"]),
            Route("/shipments/{id}", shipments),
            Route("/shipments/{id}/buy", shipments, methods=["POST"]),
        ]
        wish = crossdock.Command(
            type="fulfillment.create",
            id="cmd_1",
            entity_id="ful_1",
            data=Fulfillment(order=EntityRef(native_id="7"), lines=()),
        )
        async with serve(Starlette(routes=routes)) as url, Http(name="acme", base_url=url) as http:
            nothing = await labels(http).find(wish)
            await http.post("shipments", json={"reference": "ful_1"})
            half = await labels(http).find(wish)
            return [nothing, half, await labels(http).apply(wish), await labels(http).find(wish)]

    nothing, half, applied, found = asyncio.run(drive())
    assert (nothing, half) == (None, None)
    assert applied.native_id == found.native_id == "ful_1"
    assert made == {"ful_1": True}


def test_mapping() -> None:
    names = page("mapping")
    (event,) = names["translate"](names["SAMPLE"].raw())
    assert str(event.data.list_price.amount) == "12.50"
    report = names["COVERAGE"].report()
    assert set(report.mapped) == {"/id", "/version", "/label", "/cents", "/currency"}
    assert set(report.extended) == {"/color"}
    assert set(report.ignored) == {"/shelf"}
    assert report.unexplained == []


def test_sandboxes() -> None:
    names = page("sandboxes")
    box = names["HeldSandbox"]()

    async def tell() -> None:
        async with serve(box.app) as url:
            token = box.connection(url)["token"]
            headers = {"Authorization": f"Bearer {token}"}
            async with Http(name="acme", base_url=url, headers=headers) as http:
                await http.put("stock", json={"sku": "A", "available": "7"})
            async with Http(name="acme", base_url=url) as http:
                with pytest.raises(crossdock.AuthError):
                    await http.put("stock", json={"sku": "A", "available": "8"})

    asyncio.run(tell())
    assert box.stock == {"A": "7"}
    assert box.app.faults == []


def test_faults() -> None:
    call = page("faults")["call"]
    answers = iter([{"id": "1"}, {"error": "THROTTLED"}, {"error": "no such SKU"}])

    async def answer(request: Request) -> Response:
        return JSONResponse(next(answers))

    async def ask() -> None:
        app = Starlette(routes=[Route("/x", answer, methods=["POST"])])
        async with serve(app) as url, Http(name="acme", base_url=url) as http:
            assert (await call(http, "x", {})).json() == {"id": "1"}
            with pytest.raises(crossdock.RateLimitedError):
                await call(http, "x", {})
            with pytest.raises(crossdock.RejectedError, match="no such SKU"):
                await call(http, "x", {})

    asyncio.run(ask())


def test_a_command_about_another_entity() -> None:
    text = (ROOT / "docs/guides/conformance.md").read_text()
    (block,) = [one for one in PYTHON.findall(text) if "def shipment" in one]
    names: dict[str, Any] = {}
    exec(block, names)

    class Box:
        def put(self, number: int) -> dict[str, str]:
            return {"id": f"order-{number}"}

    command = names["shipment"](Box(), 3)
    assert command.native_id(command.data.order.id) == "order-3"


def test_the_subject_of_the_conformance_guide_names_real_parts() -> None:
    from crossdock.testing.conformance import Subject

    text = (ROOT / "docs/guides/conformance.md").read_text()
    for name, part in Subject.__dataclass_fields__.items():
        if name != "sandbox" and part.init:
            assert f"`{name}`" in text, name
    assert json.dumps("acme") in text
