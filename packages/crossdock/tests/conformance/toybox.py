"""The toy's sandbox, and the subject of the toy."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from crossdock import Command, Register, RejectedError, Request
from crossdock.canonical import EntityRef, Money, Refund
from crossdock.connector import Connector
from crossdock.testing.conformance import Answer, Features, Refusal, Sample, Subject
from crossdock.testing.coverage import Coverage
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from toy import ToyConfig, open_toy, sign, translate

HERE = Path(__file__).parent


class ToyBox:
    token = "toy-token-4711"
    webhook_secret = "toy-hook-secret-0815"

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.keys: dict[str, int] = {}
        self.ticks = count(1)
        self.app = Starlette(
            routes=[
                Route("/me", self.me),
                Route("/orders", self.page),
                Route("/refunds", self.make, methods=["POST"]),
                Route("/refunds", self.find, methods=["GET"]),
            ]
        )

    def connection(self, url: str) -> Mapping[str, object]:
        return {
            "connector": "toy",
            "url": url,
            "token": self.token,
            "webhook_secret": self.webhook_secret,
        }

    def stranger(self, request: HttpRequest) -> bool:
        return request.headers.get("authorization") != f"Bearer {self.token}"

    async def me(self, request: HttpRequest) -> Response:
        if self.stranger(request):
            return JSONResponse({"error": "who?"}, 401)
        return JSONResponse({"id": "toy"})

    async def page(self, request: HttpRequest) -> Response:
        if self.stranger(request):
            return JSONResponse({"error": "who?"}, 401)
        given = request.query_params
        after = tuple(given.get("page", "").split("|")) if "page" in given else None
        rows = [
            one
            for one in sorted(self.orders.values(), key=lambda one: (one["updated_at"], one["id"]))
            if one["updated_at"] >= given.get("since", "")
            and (after is None or (one["updated_at"], one["id"]) > after)
        ]
        size = int(given["limit"])
        last = rows[:size][-1] if len(rows) > size else None
        following = f"{last['updated_at']}|{last['id']}" if last else None
        return JSONResponse({"items": rows[:size], "next": following})

    async def make(self, request: HttpRequest) -> Response:
        if self.stranger(request):
            return JSONResponse({"error": "who?"}, 401)
        key = request.headers.get("idempotency-key")
        if key is None or key not in self.keys:
            self.refunds.append(json.loads(await request.body()))
            if key is None:
                return JSONResponse({"id": f"re_{len(self.refunds)}"}, 201)
            self.keys[key] = len(self.refunds)
        return JSONResponse({"id": f"re_{self.keys[key]}"}, 201)

    async def find(self, request: HttpRequest) -> Response:
        wanted = request.query_params.get("reference")
        rows = enumerate(self.refunds, 1)
        return JSONResponse(
            {"items": [{"id": f"re_{i}"} for i, one in rows if one["reference"] == wanted]}
        )


ORDER = {
    "id": "o-1",
    "version": 7,
    "updated_at": "2026-11-20T14:03:22Z",
    "number": 1001,
    "status": "paid",
    "placed_at": "2026-11-20T15:03:20+01:00",
    "currency": "EUR",
    "total": "31.90",
}


def sample(**changes: Any) -> Sample:
    data = json.dumps({**ORDER, **changes}).encode()
    return Sample(topic="order", data=data, says=("order.updated",))


def signed(box: ToyBox, one: Sample) -> Request:
    headers = {"x-topic": one.topic, "x-signature": sign(box.webhook_secret, one.data)}
    return Request(headers=headers, body=one.data)


def change(box: ToyBox, number: int) -> str:
    tick = next(box.ticks)
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=tick // 3)
    stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    box.orders[f"o-{number}"] = {**ORDER, "id": f"o-{number}", "version": tick, "updated_at": stamp}
    return f"order:o-{number}"


def refund(_: ToyBox, number: int) -> Command[Refund]:
    data = Refund(
        order=EntityRef(id=f"ord_{number}"),
        state="pending",
        amount=Money(amount=Decimal(number), currency="EUR"),
        requested_at=datetime(2026, 1, 1, tzinfo=UTC),
        reason="customer",
    )
    id_ = f"cmd_{number}"
    return Command(id=id_, type="refund.create", data=data, entity_id=f"rfd_{number}")


def effects(box: ToyBox) -> object:
    return sorted((one["reference"], one["amount"]) for one in box.refunds)


def registered(**changes: Any) -> Connector:
    register = Register()
    parts: dict[str, Any] = {
        "config": ToyConfig,
        "open": open_toy,
        "translate": translate,
        "handles": ("refund.create",),
        "sandbox": "toybox:ToyBox",
    }
    register("toy", **{**parts, **changes})
    return register.connectors["toy"]


def subject(**changes: Any) -> Subject:
    parts: dict[str, Any] = {
        "connector": registered(),
        "home": HERE / "home",
        "features": Features(
            webhooks=True,
            polls=True,
            applies=True,
            batches=True,
            snapshots=("order",),
            probes=True,
        ),
        "config": {"page_size": 3},
        "samples": [
            sample(),
            sample(id="o-2"),
            Sample(
                topic="shop",
                data=b'{"id": "s", "version": 1, "updated_at": "2026-11-20T14:03:22Z"}',
            ),
        ],
        "newer": [sample(), sample(version=8)],
        "sign": signed,
        "change": change,
        "commands": {"refund.create": refund},
        "effects": effects,
        "holds": lambda box, kind: [f"order:{id_}" for id_ in box.orders],
        "refusals": [
            Refusal(name="teapot", answer=Answer(status=418, body=b"no"), means=RejectedError)
        ],
        "coverage": [Coverage(name="order", samples=[sample()], translate=translate)],
    }
    return Subject(**{**parts, **changes})
