"""The conformance kit examines this connector.

pytest                                           # one test for each check
python -m crossdock.testing.conformance .        # everything at once, and the tier
"""

import json
import time
from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from crossdock import Command, Request
from crossdock.canonical import (
    Entity,
    EntityRef,
    FulfillmentOrder,
    FulfillmentOrderLine,
    Product,
    Return,
    ReturnLine,
    Transfer,
    TransferLine,
    Variant,
)
from crossdock.errors import AuthError, ConflictError, RateLimitedError, RejectedError
from crossdock.identity import fingerprint
from crossdock.testing.conformance import Features, Refusal, Sample, Subject, conformance
from crossdock.testing.conformance.wire import Answer
from crossdock.testing.coverage import Coverage
from crossdock_http_wms import openapi
from crossdock_http_wms.config import HttpWmsConfig
from crossdock_http_wms.mapping import translate
from crossdock_http_wms.messages import ASKS, LIST_OF, LISTS, MESSAGES
from crossdock_http_wms.sandbox import HttpWmsSandbox
from crossdock_http_wms.signing import sign
from jsonschema import Draft202012Validator

HERE = Path(__file__).parent
CANONICAL = HERE.parents[2] / "canonical"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
OWN_ID = "an id of Crossdock's own: derived from the connection and the message's id"


def sample(type_: str, revision: int = 7) -> Sample:
    """The published example of the entity that has every field, as a message of this type."""
    message = MESSAGES[type_]
    folder = CANONICAL / message.kind / f"v{message.model.major}" / "examples" / "valid"
    data = json.loads((folder / "full.json").read_text("utf-8"))
    for name in message.excludes:
        data.pop(name, None)
    body = {
        "type": type_,
        "id": f"{message.kind}-1",
        "revision": revision,
        "timestamp": "2026-01-31T12:00:00Z",
        "version": message.model.major,
        "data": data,
    }
    says = () if type_ == "fulfillment_order.rejected" else (type_,)  # a person settles it
    return Sample(topic=type_, data=json.dumps(body).encode(), says=says)


def plain(type_: str) -> Sample:
    """The same without `sub_buckets`, an open map: what is new in it is a count, no new field."""
    one = sample(type_)
    body = json.loads(one.data)
    body["data"].pop("sub_buckets", None)
    return Sample(topic=type_, data=json.dumps(body).encode(), says=one.says)


def signed(box: HttpWmsSandbox, one: Sample) -> Request:
    """As the warehouse would send it; the same for as long as the minute lasts."""
    minute = int(time.time()) // 60 * 60
    headers = sign(box.webhook_secret, f"msg_{fingerprint(one.data)[:32]}", minute, one.data)
    return Request(headers=headers, body=one.data)


def change(box: HttpWmsSandbox, number: int) -> str:
    """One piece more of the `number`-th thing comes in."""
    box.house._move(f"TEE-{number}", "WH", Decimal(1))
    return f"inventory:TEE-{number}@WH"


def wish(type_: str, number: int, data: Entity) -> Command[Any]:
    return Command(
        id=f"cmd_{type_.replace('.', '_')}_{number}",
        type=type_,
        data=data,
        entity_id=f"{type_.replace('.', '_')}_{number}",
        native_ids={f"ord_{number}": f"#{1000 + number}"},
    )


def entity(kind: str, number: int, order: EntityRef) -> Entity:
    """The `number`-th of a kind."""
    match kind:
        case "fulfillment_order":
            line = FulfillmentOrderLine(line_id="1", sku="TEE-S", requested=Decimal(number))
            return FulfillmentOrder(
                order=order, location="WH", lines=(line,), requested_at=NOW, number=f"#{number}"
            )
        case "transfer":
            moved = TransferLine(line_id="1", sku="TEE-S", requested=Decimal(number))
            return Transfer(
                number=f"T{number}", from_location="X", to_location="WH", lines=(moved,)
            )
        case "return":
            back = ReturnLine(line_id="1", sku="TEE-S", requested=Decimal(number))
            return Return(order=order, number=f"RMA-{number}", lines=(back,), requested_at=NOW)
        case _:
            return Product(name="Tee", variants=(Variant(variant_id="1", sku=f"TEE-{number}"),))


def asked(type_: str, box: HttpWmsSandbox, number: int) -> Command[Any]:
    """The `number`-th wish of this type; what is called off was asked before."""
    ask = ASKS[type_]
    order = EntityRef(id=f"ord_{ask.verb}_{number}")
    command = wish(type_, number, entity(ask.kind, number, order))
    if ask.verb == "cancel":
        box.house.put(ask.path, command.entity_id, command.data)
    return command


def effects(box: HttpWmsSandbox) -> object:
    """What was asked there, without the numbers that the warehouse gives."""
    return sorted(
        json.dumps([path, one.id, one.cancelled, one.body], sort_keys=True)
        for path, shelf in box.house.asked.items()
        for one in shelf.values()
    )


def holds(box: HttpWmsSandbox, kind: str) -> Collection[str]:
    """The keys of a kind's records; a fulfilment order has its order's."""
    rows = box.house.places[LIST_OF[kind]].values()
    data = [message for _, message in rows if message["type"].startswith(f"{kind}.")]
    if kind == "inventory":
        return [f"inventory:{one['id']}" for one in data]
    return [f"order:{one['data']['order']['id']}" for one in data]


def said(status: int, detail: str, **headers: str) -> Answer:
    """An error as the protocol words it."""
    given = {"content-type": "application/problem+json", **headers}
    return Answer(status=status, body={"status": status, "detail": detail}, headers=given)


SUBJECT = Subject(
    connector="http-wms",
    home=HERE.parent,
    features=Features(
        webhooks=True,
        polls=True,
        applies=True,
        probes=True,
        snapshots=("inventory", "fulfillment_order"),
    ),
    config={"page_size": 3},
    samples=[plain(type_) for type_ in MESSAGES],
    newer=[sample("fulfillment.shipped", 7), sample("fulfillment.shipped", 8)],
    sign=signed,
    change=change,
    commands={
        type_: lambda box, number, type_=type_: asked(type_, box, number)  # type: ignore[misc]
        for type_ in ASKS
    },
    effects=effects,
    holds=holds,
    refusals=[
        Refusal(name="too late", answer=said(409, "it has left"), means=ConflictError),
        Refusal(name="not signed", answer=said(401, "not signed"), means=AuthError),
        Refusal(name="not its schema", answer=said(422, "/lines: too few"), means=RejectedError),
        Refusal(
            name="too fast",
            answer=said(429, "slow down", **{"retry-after": "3"}),
            means=RateLimitedError,
        ),
    ],
    coverage=[
        Coverage(
            name=kind,
            samples=[one for one in map(sample, MESSAGES) if one.topic.startswith(f"{kind}.")],
            translate=translate,
            ignored={"/data/id": OWN_ID},
        )
        for kind in dict.fromkeys(one.kind for one in MESSAGES.values())
    ],
)
test_conformance = conformance(SUBJECT)


def test_every_list_is_read_by_default() -> None:
    assert set(HttpWmsConfig.model_fields["reads"].default) == set(LISTS)


@pytest.mark.parametrize("type_", MESSAGES)
def test_each_sample_fits_what_is_published(type_: str) -> None:
    """The samples above, held to the schemas of the OpenAPI document."""
    document = openapi.document()
    schema = {"$ref": f"#/components/schemas/{type_}", "components": document["components"]}
    Draft202012Validator(schema).validate(json.loads(sample(type_).data))
