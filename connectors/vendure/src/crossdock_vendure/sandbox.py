"""A pretended Vendure: orders, fulfilments, refunds and stock, by the operations that we send.

Orders have the shape that a real 3.7.3 answered (`tests/samples/ORIGIN.md`); operations are known
by their name and answer whole orders, whatever was selected: that our documents are good GraphQL is
held by the real server (`nox -s live_vendure`). Start it alone:

    python -m crossdock.testing.sandbox vendure=0
"""

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Json = dict[str, Any]
USER = "superadmin"
WORDS = {
    "password": "sandbox-pass-7f3a",
    "hooks": "whsec_Y3Jvc3Nkb2NrLXNhbmRib3gtdmVuZHVy",
    "session": "session-of-the-sandbox",
}


def order_of(number: int, sku: str = "SHIRT-RED") -> Json:
    """A settled order of three shirts, as the recorded one was when it was placed."""
    return {
        "id": str(number),
        "code": f"PH6JHNT58P6Z{number:04d}",
        "state": "PaymentSettled",
        "orderPlacedAt": "2026-11-23T03:16:02.769Z",
        "updatedAt": "2026-11-23T03:16:02.000Z",
        "currencyCode": "USD",
        "totalWithTax": 6992,
        "subTotal": 5997,
        "shipping": 500,
        "couponCodes": [],
        "taxSummary": [
            {"description": "Standard", "taxRate": 8.25, "taxBase": 5997, "taxTotal": 495},
        ],
        "customer": {
            "id": "1",
            "emailAddress": "ann@example.com",
            "firstName": "Ann",
            "lastName": "Lee",
            "phoneNumber": None,
        },
        "shippingAddress": {
            "fullName": "Ann Lee",
            "company": None,
            "streetLine1": "1 Main",
            "streetLine2": None,
            "city": "Austin",
            "province": "TX",
            "postalCode": "78701",
            "countryCode": "US",
            "phoneNumber": None,
        },
        "billingAddress": {},
        "shippingLines": [
            {
                "id": str(number),
                "price": 500,
                "discountedPrice": 500,
                "discountedPriceWithTax": 500,
                "shippingMethod": {"code": "standard", "name": "Standard"},
            }
        ],
        "lines": [
            {
                "id": str(number),
                "quantity": 3,
                "orderPlacedQuantity": 3,
                "unitPrice": 1999,
                "linePrice": 5997,
                "proratedLinePrice": 5997,
                "lineTax": 495,
                "taxRate": 8.25,
                "productVariant": {"id": "1", "sku": sku, "name": "Shirt, red"},
            }
        ],
        "payments": [
            {
                "id": str(number),
                "method": "dummy",
                "amount": 6992,
                "state": "Settled",
                "transactionId": "209h6wvwdh",
                "updatedAt": "2026-11-23T03:16:02.000Z",
                "refunds": [],
            }
        ],
        "fulfillments": [],
    }


class VendureSandbox:
    """One server in memory. Tests look at `orders` and `stock`."""

    username = USER
    password = WORDS["password"]
    webhook_secret = WORDS["hooks"]
    token = WORDS["session"]

    def __init__(self) -> None:
        self.orders: dict[str, Json] = {}
        self.stock: dict[str, int] = {}
        self.numbers = count(1)
        self.changes = count(1)
        self.app = Starlette(
            routes=[
                Route(path, self._graphql, methods=["POST"])
                for path in ("/admin-api", "/admin-api/")
            ]
        )

    def connection(self, url: str) -> Mapping[str, object]:
        """What to write under `connections:`, secrets in the clear."""
        return {
            "connector": "vendure",
            "url": f"{url}/admin-api",
            "username": self.username,
            "password": self.password,
            "webhook_secret": self.webhook_secret,
        }

    def place(self, number: int) -> Json:
        """Somebody buys three shirts."""
        order = order_of(number)
        self.orders[order["id"]] = order
        self.touch(order)
        return order

    def touch(self, order: Json) -> None:
        """It changed: three changes share each second, as SQLite's times have none below."""
        at = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=next(self.changes) // 3)
        order["updatedAt"] = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    async def _graphql(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return JSONResponse({"errors": [_error("no JSON", "BAD_REQUEST")]}, 400)
        name, given = body["operationName"], body["variables"]
        if name == "Login":
            return self._login(given)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            said = "You are not currently authorized to perform this action"
            return JSONResponse({"errors": [_error(said, "FORBIDDEN")], "data": None})
        answer = getattr(self, f"_{name.lower()}")(given)
        return JSONResponse({"data": copy.deepcopy(answer)})

    def _login(self, given: Json) -> Response:
        if (given["username"], given["password"]) != (self.username, self.password):
            no = {
                "__typename": "InvalidCredentialsError",
                "errorCode": "INVALID_CREDENTIALS_ERROR",
                "message": "The provided credentials are invalid",
            }
            return JSONResponse({"data": {"login": no}})
        yes = {"__typename": "CurrentUser", "identifier": self.username}
        return JSONResponse({"data": {"login": yes}}, headers={"vendure-auth-token": self.token})

    def _me(self, given: Json) -> Json:
        return {"me": {"identifier": self.username}, "activeChannel": {"code": "default"}}

    def _order(self, given: Json) -> Json:
        return {"order": self.orders.get(given["id"])}

    def _orders(self, given: Json) -> Json:
        options = given["options"]
        ((name, wanted),) = options["filter"].items()
        between = wanted["between"]
        rows = sorted(
            (
                one
                for one in self.orders.values()
                if between["start"] <= one[name] <= between["end"]
            ),
            key=lambda one: (one[name], int(one["id"])),
        )
        page = rows[options["skip"] : options["skip"] + options["take"]]
        return {"orders": {"items": page, "totalItems": len(rows)}}

    def _fulfil(self, given: Json) -> Json:
        lines = given["input"]["lines"]
        order = next(
            one
            for one in self.orders.values()
            if any(line["id"] == lines[0]["orderLineId"] for line in one["lines"])
        )
        sent: dict[str, int] = {}
        for one in order["fulfillments"]:
            for line in one["lines"]:
                sent[line["orderLineId"]] = sent.get(line["orderLineId"], 0) + line["quantity"]
        for line in order["lines"]:
            now = sum(one["quantity"] for one in lines if one["orderLineId"] == line["id"])
            if sent.get(line["id"], 0) + now > line["quantity"]:
                said = "One or more OrderItems are already part of a Fulfillment"
                return {"addFulfillmentToOrder": _no("ITEMS_ALREADY_FULFILLED_ERROR", said)}
        words = {one["name"]: one["value"] for one in given["input"]["handler"]["arguments"]}
        made = {
            "id": str(next(self.numbers)),
            "state": "Pending",
            "method": words["method"],
            "trackingCode": words["trackingCode"],
            "updatedAt": order["updatedAt"],
            "lines": lines,
        }
        order["fulfillments"].append(made)
        self.touch(order)
        return {"addFulfillmentToOrder": {"__typename": "Fulfillment", **made}}

    def _moveon(self, given: Json) -> Json:
        for order in self.orders.values():
            for one in order["fulfillments"]:
                if one["id"] == given["id"]:
                    one["state"] = given["state"]
                    sent = sum(x["quantity"] for f in order["fulfillments"] for x in f["lines"])
                    whole = sent == sum(line["quantity"] for line in order["lines"])
                    order["state"] = "Shipped" if whole else "PartiallyShipped"
                    self.touch(order)
                    return {"transitionFulfillmentToState": {"__typename": "Fulfillment", **one}}
        said = "no such fulfillment"
        return {"transitionFulfillmentToState": _no("FULFILLMENT_STATE_TRANSITION_ERROR", said)}

    def _refund(self, given: Json) -> Json:
        wanted = given["input"]
        for order in self.orders.values():
            for paid in order["payments"]:
                if paid["id"] != wanted["paymentId"]:
                    continue
                if sum(one["total"] for one in paid["refunds"]) + wanted["amount"] > paid["amount"]:
                    said = "The refund amount exceeds the amount of the payment"
                    return {"refundOrder": _no("REFUND_AMOUNT_ERROR", said)}
                made = {
                    "id": str(next(self.numbers)),
                    "total": wanted["amount"],
                    "state": "Pending",
                    "reason": wanted["reason"],
                    "transactionId": None,
                    "createdAt": order["updatedAt"],
                    "updatedAt": order["updatedAt"],
                }
                paid["refunds"].append(made)
                self.touch(order)
                return {"refundOrder": {"__typename": "Refund", **made}}
        return {"refundOrder": _no("PAYMENT_ORDER_MISMATCH_ERROR", "no such payment")}

    def _settle(self, given: Json) -> Json:
        for order in self.orders.values():
            for paid in order["payments"]:
                for one in paid["refunds"]:
                    if one["id"] == given["input"]["id"]:
                        one["state"] = "Settled"
                        one["transactionId"] = given["input"]["transactionId"]
                        self.touch(order)
                        return {"settleRefund": {"__typename": "Refund", **one}}
        return {"settleRefund": _no("REFUND_STATE_TRANSITION_ERROR", "no such refund")}

    def _variant(self, given: Json) -> Json:
        sku = given["sku"]
        level = {"stockLocationId": "1", "stockOnHand": self.stock.get(sku, 0), "stockAllocated": 0}
        return {"productVariants": {"items": [{"id": sku, "sku": sku, "stockLevels": [level]}]}}

    def _stock(self, given: Json) -> Json:
        for one in given["input"]:
            self.stock[one["id"]] = one["stockLevels"][0]["stockOnHand"]
        return {"updateProductVariants": [{"id": one["id"]} for one in given["input"]]}


def _error(message: str, code: str) -> Json:
    return {"message": message, "extensions": {"code": code}}


def _no(code: str, message: str) -> Json:
    return {"__typename": "Error", "errorCode": code, "message": message}
