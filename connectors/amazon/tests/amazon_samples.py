"""Amazon's own payloads, and those written by hand after its models (samples/ORIGIN.md)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossdock.testing.conformance import Sample
from crossdock_amazon import mapping_inventory, mapping_orders, mapping_v0
from crossdock_amazon.sandbox_models import notification_schema, pairs

HERE = Path(__file__).parent / "samples"
BY_HAND = ("FBA_INVENTORY_AVAILABILITY_CHANGES", "LISTINGS_ITEM_MFN_QUANTITY_CHANGE")


def told(name: str) -> Any:
    """One written by hand."""
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


def pair(model: str, name: str) -> Any:
    """What Amazon's static sandbox answers."""
    found = next(one for one in pairs() if (one["model"], one["name"]) == (model, name))
    return found["response"]


def sample(topic: str, body: Any, *says: str, name: str = "", **headers: str) -> Sample:
    data = json.dumps(body, ensure_ascii=False).encode()
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Sample(topic=topic, data=data, says=says, headers=named, name=name or topic)


def notification(schema: str) -> dict[str, Any]:
    """The example of one of Amazon's notification schemas."""
    found = notification_schema(schema)
    if found.get("examples"):
        example: dict[str, Any] = found["examples"][0]
        return example
    properties = found["properties"]
    return {
        name: (one.get("examples") or [one.get("enum", ["1.0"])[0]])[0]
        for name, one in properties.items()
    }


PAIRS = "orders_2026-01-01"
RICH = sample(
    mapping_orders.TOPIC,
    told("rich"),
    "order.updated",
    "cancellation.requested",
    "promise.made",
    "fulfillment.shipped",
    name="order with everything",
)
TURKEY = sample(
    mapping_orders.TOPIC, pair(PAIRS, "getOrder.200.1")["order"], "order.updated", name="Turkey"
)
SEATTLE = sample(
    mapping_orders.TOPIC, pair(PAIRS, "getOrder.200.2")["order"], "order.placed", name="Seattle"
)
TOKYO = replace(
    sample(
        mapping_orders.TOPIC,
        pair(PAIRS, "searchOrders.200.0")["orders"][0],
        "order.updated",
        "fulfillment.shipped",
        name="Tokyo, by Amazon",
    ),
    means=("19940 JPY",),  # a yen has no hundredths: 19940 is whole yen
)
SAO_PAULO = sample(
    mapping_orders.TOPIC,
    pair(PAIRS, "searchOrders.200.2")["orders"][0],
    "order.placed",
    "promise.made",
    name="São Paulo",
)
OLD = sample(
    mapping_v0.TOPIC,
    told("v0"),
    "order.updated",
    "cancellation.requested",
    "promise.made",
    name="v0",
)
AT_AMAZON = sample(
    mapping_inventory.TOPIC,
    {"location": "FBA", "marketplaceId": "ATVPDKIKX0DER", "summary": told("summary")},
    "inventory.level_changed",
)
LISTED = sample(
    mapping_inventory.LISTING,
    {
        "item": pair("listingsItems_2021-08-01", "searchListingsItems.200.0")["items"][0],
        "channel": "DEFAULT",
        "location": "WH",
    },
    "inventory.level_changed",
)
TRANSACTION = sample("transaction", told("transaction"), *["settlement_line.recorded"] * 4)
FEE = sample("transaction", told("fee"), "settlement_line.recorded", name="fee")
STATEMENT = sample(
    "statement",
    {
        "group": pair("financesV0", "listFinancialEventGroups.200.0")["payload"][
            "FinancialEventGroupList"
        ][0],
        "sums": [{"category": "sales", "amount": "12.34"}, {"category": "fees", "amount": "-2.00"}],
        "lineCount": 2,
    },
    "settlement.closed",
    x_connection="amazon",
)
CHECK = sample(
    "stock_check",
    {
        "sku": "GM-ZDPI-9B4E",
        "channel": "DEFAULT",
        "location": "WH",
        "wanted": 100,
        "submissionId": "f1dc2914-75dd-11ea-bc55-0242ac130003",
        "item": {
            "fulfillmentAvailability": [{"fulfillmentChannelCode": "DEFAULT", "quantity": 100}]
        },
    },
)
NOTIFICATIONS = {
    kind: sample(f"notification/{kind}", notification(schema))
    for kind, schema in {
        "ORDER_CHANGE": "OrderChangeNotification",
        "LISTINGS_ITEM_MFN_QUANTITY_CHANGE": "ListingsItemMfnQuantityChange",
        "LISTINGS_ITEM_STATUS_CHANGE": "ListingsItemStatusChangeNotification",
        "TRANSACTION_UPDATE": "TransactionUpdateNotification",
        "REPORT_PROCESSING_FINISHED": "ReportProcessingFinishedNotification",
        "FEED_PROCESSING_FINISHED": "FeedProcessingFinishedNotification",
    }.items()
}
SAMPLES = [
    RICH,
    SEATTLE,
    TOKYO,
    OLD,
    AT_AMAZON,
    LISTED,
    TRANSACTION,
    FEE,
    STATEMENT,
    NOTIFICATIONS["ORDER_CHANGE"],
]
