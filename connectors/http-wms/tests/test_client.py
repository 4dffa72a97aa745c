"""The connector and a served warehouse: lists, commands, and what is wrong on either side."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from crossdock import Command, Context, Raw, Request
from crossdock.canonical import EntityRef, FulfillmentOrder, FulfillmentOrderLine
from crossdock.errors import AuthError, ConflictError, ContractError, RejectedError
from crossdock.http import Http
from crossdock.testing.sandbox import serve
from crossdock_http_wms.client import HttpWms, open_http_wms
from crossdock_http_wms.config import HttpWmsConfig
from crossdock_http_wms.mapping import translate
from crossdock_http_wms.sandbox import HttpWmsSandbox
from crossdock_http_wms.signing import sign


@dataclass
class Bench:
    box: HttpWmsSandbox
    wms: HttpWms
    http: Http

    async def polled(self, cursor: str | None = None) -> list[Raw]:
        return [raw async for raw in self.wms.poll(cursor)]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    box = HttpWmsSandbox()
    async with serve(box.app) as url:
        given = {**box.connection(url), "page_size": 2}
        given.pop("connector")
        config = HttpWmsConfig.model_validate(given)
        async with (
            open_http_wms(config, Context(connection="dc1")) as wms,
            Http(name="staff", base_url=url) as http,
        ):
            yield Bench(box, wms, http)


def asked(verb: str = "create", quantity: int = 3) -> Command[Any]:
    line = FulfillmentOrderLine(line_id="L1", sku="TEE-S", requested=Decimal(quantity))
    data = FulfillmentOrder(
        order=EntityRef(id="ord_1", native_id="5001"),
        number="#1001",
        location="DC1",
        lines=(line,),
        requested_at=datetime(2026, 1, 31, tzinfo=UTC),
    )
    return Command(
        id=f"cmd_{verb}_{quantity}",
        type=f"fulfillment_order.{verb}",
        data=data,
        entity_id="fuo_1",
    )


def told(raws: list[Raw]) -> list[Any]:
    return [event for raw in raws for event in translate(raw)]


async def test_an_order_is_shipped_in_parts_and_the_rest_refused(bench: Bench) -> None:
    receipt = await bench.wms.apply(asked())
    bench.box.house.ship("fuo_1", {"L1": 1}, packages=2)
    bench.box.house.short_ship("fuo_1", {"L1": 1}, "only one there")
    raws = await bench.polled()
    (refusal,) = [raw for raw in raws if raw.topic == "fulfillment_order.rejected"]
    events = told([raw for raw in raws if raw is not refusal])
    shipments = [one for one in events if one.kind == "fulfillment"]
    assert [str(one.data.lines[0].quantity) for one in shipments] == ["1", "1"]
    assert len(shipments[0].data.tracking) == 2
    with pytest.raises(RejectedError) as asked_of_a_person:
        list(translate(refusal))
    assert str(asked_of_a_person.value) == (
        f"DC1 will not ship 1 of TEE-S of order #1001 (its {receipt.native_id}): only one there"
    )
    (level,) = [one for one in events if one.kind == "inventory"]
    assert level.data.on_hand == -2


async def test_a_change_is_taken_until_something_has_left(bench: Bench) -> None:
    await bench.wms.apply(asked())
    await bench.wms.apply(asked(quantity=5))
    bench.box.house.ship("fuo_1", {"L1": 4})
    with pytest.raises(ConflictError, match="has left in part already"):
        await bench.wms.apply(asked(quantity=6))
    with pytest.raises(ConflictError, match="too late to call it off"):
        await bench.wms.apply(asked("cancel"))


async def test_calling_off_what_was_never_asked_is_the_warehouses_no(bench: Bench) -> None:
    with pytest.raises(RejectedError, match="there is no fuo_1"):
        await bench.wms.apply(asked("cancel"))


async def test_a_list_goes_on_where_it_was_left_and_bad_items_hold_nothing_up(
    bench: Bench,
) -> None:
    house = bench.box.house
    house.receive("DC1", {"A": 1})
    first = await bench.polled()
    house.places["stock"]["inventory", "bad"] = (90, {"type": "inventory.level_changed"})
    house.places["stock"]["inventory", "worse"] = (91, ["no message"])
    house.told.extend([{}] * 100)
    house.receive("DC1", {"B": 2})
    rest = await bench.polled(first[-1].cursor)
    assert [raw.topic for raw in rest] == [
        "goods_receipt.recorded",
        "stock",
        "stock",
        "inventory.level_changed",
    ]
    with pytest.raises(ContractError, match=r"stock/id: expected a value"):
        list(translate(rest[1]))
    assert told(rest[-1:])[0].data.sku == "B"


async def test_the_staffs_doings_are_signed_webhooks(bench: Bench) -> None:
    for doing in (
        {"what": "receive", "location": "DC1", "lines": {"A": 5}},
        {"what": "count", "location": "DC1", "counted": {"A": 4}},
        {"what": "adjust", "sku": "A", "location": "DC1", "by": -1},
    ):
        await bench.http.post("/_sandbox/do", json=doing)
    raws = [
        bench.wms.receive(request)
        for message in bench.box.house.told
        for request in [_request(bench.box, message)]
    ]
    assert [raw.topic for raw in raws] == [
        "goods_receipt.recorded",
        "inventory.level_changed",
        "stock_count.completed",
        "inventory.level_changed",
        "inventory_movement.recorded",
        "inventory.level_changed",
    ]
    assert len({raw.delivery_id for raw in raws}) == 6
    assert [str(e.data.on_hand) for e in told(raws) if e.kind == "inventory"] == ["5", "4", "3"]
    report = (await bench.http.get("/_sandbox/report")).json()
    assert report["stock"] == {"A@DC1": "3"}
    wrong = await bench.http.post("/_sandbox/do", json={"what": "fly"}, accept={422})
    assert "what is one of adjust, count" in wrong.json()["detail"]


def _request(box: HttpWmsSandbox, message: Any) -> Request:
    body = json.dumps(message).encode()
    return Request(headers=box.signed(body), body=body)


async def test_a_signature_is_good_for_one_address(bench: Bench) -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = sign(bench.box.signing_secret, "GET /stock", now, b"")
    assert (await bench.http.get("/stock", headers=headers)).status == 200
    with pytest.raises(AuthError, match="signed for GET /stock, sent to GET /receipts"):
        await bench.http.get("/receipts", headers=headers)
    with pytest.raises(AuthError, match="webhook-id is missing"):
        await bench.http.get("/stock")


async def test_a_wrong_secret_is_told_at_the_probe(bench: Bench) -> None:
    assert (await bench.wms.probe()).notes == ("Pretended warehouse",)
    secret = {"signing_secret": bench.wms.config.webhook_secret}
    config = bench.wms.config.model_copy(update=secret)
    async with open_http_wms(config, Context(connection="dc1")) as wms:
        with pytest.raises(AuthError):
            await wms.probe()
