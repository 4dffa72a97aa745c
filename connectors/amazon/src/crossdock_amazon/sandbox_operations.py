"""The operations of the pretended Amazon: what each answers, out of one account."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from crossdock_amazon.sandbox_account import Account
from crossdock_amazon.sandbox_shapes import MARKETPLACE, address_v0, items_v0, stamp, to_v0

PRIVATE_TOKEN = "Atz.sprdt|sandbox-restricted-token-5d0e"  # noqa: S105 - of a sandbox
DATASETS = {
    "BUYER": ("buyer",),
    "RECIPIENT": ("recipient",),
    "PROCEEDS": ("proceeds",),
    "PAYMENT": ("payment",),
    "TAX": ("tax",),
    "FULFILLMENT": ("fulfillment",),
    "PACKAGES": ("packages",),
}
"""What of an order is given only when it is asked for."""
ITEM_DATASETS = {
    "PROCEEDS": ("proceeds",),
    "EXPENSE": ("expense",),
    "PROMOTION": ("promotion",),
    "CANCELLATION": ("cancellation",),
    "FULFILLMENT": ("fulfillment",),
    "TAX": ("tax",),
}
Given = Mapping[str, str]
Answer = tuple[int, Any]


def refusal(code: str, message: str) -> dict[str, Any]:
    """An error in Amazon's words."""
    return {"errors": [{"code": code, "message": message, "details": ""}]}


@dataclass
class Operations:
    """`behind_s`: how long a change is not found by a search."""

    account: Account
    behind_s: float
    submissions: Any = field(default_factory=lambda: count(1))

    def answer(self, name: str, given: Given, body: Any) -> Answer:
        """Status and body of one operation."""
        return _HANDLERS[name](self, given, body)

    def _restricted(self, _: Given, body: Any) -> Answer:
        if not body["restrictedResources"]:
            return 400, refusal("InvalidRequest", "Resource not provided.")
        return 200, {"restrictedDataToken": PRIVATE_TOKEN, "expiresIn": 3600}

    def _sellers(self, _: Given, __: Any) -> Answer:
        marketplace = {
            "id": MARKETPLACE,
            "countryCode": "US",
            "name": "Amazon.com",
            "defaultCurrencyCode": "USD",
            "defaultLanguageCode": "en_US",
            "domainName": "www.amazon.com",
        }
        participation = {"isParticipating": True, "hasSuspendedListings": False}
        one = {"marketplace": marketplace, "storeName": "Sandbox", "participation": participation}
        return 200, {"payload": [one]}

    def _search(self, given: Given, _: Any) -> Answer:
        """By (time, id): an order that changes while pages are read moves to the end."""
        if ("createdAfter" in given) == ("lastUpdatedAfter" in given):
            return 400, refusal("InvalidInput", "exactly one of createdAfter and lastUpdatedAfter")
        field = "createdTime" if "createdAfter" in given else "lastUpdatedTime"
        since = given.get("createdAfter") or given.get("lastUpdatedAfter") or ""
        until = stamp(datetime.now(UTC) - timedelta(seconds=self.behind_s) + timedelta(seconds=1))
        after = tuple(given.get("paginationToken", "").split("|"))
        rows = sorted(
            (one[field], one["orderId"], one)
            for one in self.account.orders.values()
            if since <= one[field] < until and (one[field], one["orderId"]) > after
        )
        size = int(given.get("maxResultsPerPage", "100"))
        told: dict[str, Any] = {"orders": [self._view(one, given) for _, _, one in rows[:size]]}
        if len(rows) > size:
            last = rows[size - 1]
            told["pagination"] = {"nextToken": f"{last[0]}|{last[1]}"}
        before = "createdBefore" if "createdAfter" in given else "lastUpdatedBefore"
        told[before] = stamp(datetime.now(UTC) - timedelta(seconds=self.behind_s))
        return 200, told

    def _get_order(self, given: Given, _: Any) -> Answer:
        order = self.account.orders.get(given["orderId"])
        if order is None:
            return 404, refusal("NotFound", f"order {given['orderId'][:40]} was not found")
        return 200, {"order": self._view(order, given)}

    def _view(self, order: Mapping[str, Any], given: Given) -> dict[str, Any]:
        """As much of an order as was asked for."""
        asked = set(given.get("includedData", "").split(","))
        left_out = {name for key, names in DATASETS.items() if key not in asked for name in names}
        inner = {name for key, names in ITEM_DATASETS.items() if key not in asked for name in names}
        told = {name: value for name, value in order.items() if name not in left_out}
        told["orderItems"] = [
            {name: value for name, value in item.items() if name not in inner}
            for item in order["orderItems"]
        ]
        return told

    def _orders_v0(self, given: Given, _: Any) -> Answer:
        since, until = given.get("CreatedAfter", ""), given.get("CreatedBefore", "9999")
        after = given.get("NextToken", "")
        rows = sorted(
            (one["createdTime"], one["orderId"], one)
            for one in self.account.orders.values()
            if since <= one["createdTime"] < until
        )
        rows = [row for row in rows if f"{row[0]}|{row[1]}" > after]
        size = int(given.get("MaxResultsPerPage", "100"))
        payload: dict[str, Any] = {"Orders": [to_v0(one) for _, _, one in rows[:size]]}
        if len(rows) > size:
            payload["NextToken"] = f"{rows[size - 1][0]}|{rows[size - 1][1]}"
        return 200, {"payload": payload}

    def _of_order(self, given: Given, make: Callable[[Mapping[str, Any]], Any]) -> Answer:
        order = self.account.orders.get(given["orderId"])
        if order is None:
            return 404, refusal("NotFound", "no such order")
        return 200, {"payload": make(order)}

    def _items_v0(self, given: Given, _: Any) -> Answer:
        return self._of_order(
            given, lambda one: {"AmazonOrderId": one["orderId"], "OrderItems": items_v0(one)}
        )

    def _address_v0(self, given: Given, _: Any) -> Answer:
        return self._of_order(given, address_v0)

    def _buyer_v0(self, given: Given, _: Any) -> Answer:
        return self._of_order(
            given,
            lambda one: {
                "AmazonOrderId": one["orderId"],
                "BuyerName": one["buyer"]["buyerName"],
                "BuyerEmail": one["buyer"]["buyerEmail"],
            },
        )

    def _confirm(self, given: Given, body: Any) -> Answer:
        if given["orderId"] not in self.account.orders:
            return 404, refusal("NotFound", "no such order")
        if body["marketplaceId"] != MARKETPLACE:
            return 400, refusal("InvalidInput", "the order is not of this marketplace")
        fault = self.account.confirm(given["orderId"], body["packageDetail"])
        return (400, refusal("InvalidInput", fault)) if fault else (204, None)

    def _listing(self, sku: str) -> dict[str, Any]:
        told = self.account.listings[sku]
        return {
            "sku": sku,
            "fulfillmentAvailability": [
                {"fulfillmentChannelCode": code, "quantity": many} for code, many in told.items()
            ],
            "issues": [],
        }

    def _get_listing(self, given: Given, _: Any) -> Answer:
        if given["sku"] not in self.account.listings:
            return 404, refusal("NOT_FOUND", f"SKU {given['sku'][:60]} not found")
        return 200, self._listing(given["sku"])

    def _search_listings(self, given: Given, _: Any) -> Answer:
        wanted = given.get("identifiers", "").split(",") if "identifiers" in given else None
        skus = [one for one in sorted(self.account.listings) if wanted is None or one in wanted]
        left = [sku for sku in skus if sku > given.get("pageToken", "")]
        size = int(given.get("pageSize", "10"))
        told: dict[str, Any] = {
            "numberOfResults": len(skus),
            "items": [self._listing(sku) for sku in left[:size]],
        }
        if len(left) > size:
            told["pagination"] = {"nextToken": left[size - 1]}
        return 200, told

    def _patch_listing(self, given: Given, body: Any) -> Answer:
        """Accepted, and applied unless this account does not."""
        sku = given["sku"]
        if sku not in self.account.listings:
            return 400, refusal("INVALID_INPUT", f"SKU {sku[:60]} not found")
        for patch in body["patches"]:
            for value in patch["value"]:
                many = value.get("quantity")
                if not isinstance(many, int) or isinstance(many, bool) or many < 0:
                    issue = {
                        "code": "90000900",
                        "message": "The attributes are invalid.",
                        "severity": "ERROR",
                        "categories": ["INVALID_ATTRIBUTE"],
                    }
                    told = {"sku": sku, "status": "INVALID", "submissionId": "0", "issues": [issue]}
                    return 200, told
                if not self.account.ignore_stock:
                    self.account.listings[sku][value["fulfillment_channel_code"]] = many
        submission = f"submission-{next(self.submissions)}"
        return 200, {"sku": sku, "status": "ACCEPTED", "submissionId": submission, "issues": []}

    def _summaries(self, given: Given, _: Any) -> Answer:
        wanted = given.get("sellerSkus", "").split(",") if "sellerSkus" in given else None
        since, after = given.get("startDateTime", ""), given.get("nextToken", "")
        rows = [
            one
            for sku, one in sorted(self.account.fba.items())
            if (wanted is None or sku in wanted) and one["lastUpdatedTime"] >= since and sku > after
        ]
        granularity = {"granularityType": "Marketplace", "granularityId": given["granularityId"]}
        told: dict[str, Any] = {
            "payload": {"granularity": granularity, "inventorySummaries": rows[:2]}
        }
        if len(rows) > 2:
            told["pagination"] = {"nextToken": rows[1]["sellerSku"]}
        return 200, told

    def _transactions(self, given: Given, _: Any) -> Answer:
        named = given.get("relatedIdentifierValue")
        if named is None and "postedAfter" not in given:
            return 400, refusal("InvalidInput", "Start date cannot be null")
        rows = [
            one
            for one in self.account.transactions
            if one["postedDate"] >= given.get("postedAfter", "")
            and (named is None or named in json.dumps(one["relatedIdentifiers"]))
        ]
        start = int(given.get("nextToken", "0"))
        payload: dict[str, Any] = {"transactions": rows[start : start + 20]}
        if len(rows) > start + 20:
            payload["nextToken"] = str(start + 20)
        return 200, {"payload": payload}

    def _groups(self, given: Given, _: Any) -> Answer:
        since = given.get("FinancialEventGroupStartedAfter", "")
        rows = [
            one for one in self.account.groups.values() if one["FinancialEventGroupStart"] >= since
        ]
        return 200, {"payload": {"FinancialEventGroupList": rows}}


_HANDLERS: Mapping[str, Callable[[Operations, Given, Any], Answer]] = {
    "tokens_2021-03-01.createRestrictedDataToken": Operations._restricted,
    "sellers.getMarketplaceParticipations": Operations._sellers,
    "orders_2026-01-01.searchOrders": Operations._search,
    "orders_2026-01-01.getOrder": Operations._get_order,
    "ordersV0.getOrders": Operations._orders_v0,
    "ordersV0.getOrderItems": Operations._items_v0,
    "ordersV0.getOrderAddress": Operations._address_v0,
    "ordersV0.getOrderBuyerInfo": Operations._buyer_v0,
    "ordersV0.confirmShipment": Operations._confirm,
    "listingsItems_2021-08-01.getListingsItem": Operations._get_listing,
    "listingsItems_2021-08-01.searchListingsItems": Operations._search_listings,
    "listingsItems_2021-08-01.patchListingsItem": Operations._patch_listing,
    "fbaInventory.getInventorySummaries": Operations._summaries,
    "finances_2024-06-19.listTransactions": Operations._transactions,
    "financesV0.listFinancialEventGroups": Operations._groups,
}
KNOWN = frozenset(_HANDLERS)
