"""Every topic of Shopify's: what it becomes, or why it is ignored; README.md holds the table.

Write it anew: `python connectors/shopify/tests/test_topics.py`.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crossdock import Ignore, Raw, RejectedError
from crossdock_shopify import mapping, subscriptions, topics
from crossdock_shopify.mapping import translate

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- every topic -->\n", "<!-- /every topic -->\n"
ALL = (HERE / "topics.txt").read_text("utf-8").split()
FAMILIES = {
    "orders": "order.updated",
    "fulfillments": "fulfillment.shipped, .updated, .delivered, .cancelled",
    "refunds": "refund.succeeded, .pending, .failed",
    "order_transactions": "payment_transaction.recorded",
    "disputes": "dispute.opened, .changed, .closed",
    "customers": "customer.changed",
    "customers_email_marketing_consent": "customer.consent_changed",
    "customers_marketing_consent": "customer.consent_changed",
    "products": "product.changed",
    "inventory_items": "stock_item.changed",
}
SINGLY = {"customers/merge": "customer.merged", "products/delete": "product.removed"}
RECORDS = {
    "InventoryLevel": "inventory.level_changed",
    "FulfillmentOrder": "fulfillment_order.requested, .accepted, .rejected, .cancelled",
    "Fulfillment": "package.tracked, fulfillment.updated",
    "Return": "return.requested … .closed, return_receipt.recorded",
    "ReverseFulfillmentOrder": "return_receipt.recorded",
}


def becomes(topic: str) -> str:
    """In words; what is not understood says why."""
    if topic in topics.PRIVACY:
        return f"a case on the exception desk: `{topics.PRIVACY[topic][0]}`"
    if topic in mapping._ORDERS:
        return f"`{mapping._ORDERS[topic]}`"
    if topic in mapping._READERS:
        return f"`{SINGLY.get(topic) or FAMILIES[topics.family_of(topic)]}`"
    record = topics.THIN.get(topics.family_of(topic))
    if record:
        return f"read whole by the next poll (`{record}`): `{RECORDS[record]}`"
    return "ignored: " + topics.why_ignored(topic).removeprefix(f"{topic}: ")


def table() -> str:
    """Topics with one outcome share a row, in the order of the first."""
    rows: dict[str, list[str]] = {}
    for topic in ALL:
        rows.setdefault(becomes(topic), []).append(f"`{topic}`")
    told = sorted(rows.items(), key=lambda row: (row[0].startswith("ignored"), row[1]))
    lines = [f"| {', '.join(names)} | {what} |" for what, names in told]
    ours = sum(len(names) for what, names in told if not what.startswith("ignored"))
    count = f"{ours} of {len(ALL)} topics of 2026-07 become something."
    return "\n".join([count, "", "| topic | becomes |", "|---|---|", *lines, ""])


def test_the_readme_has_every_topic() -> None:
    text = README.read_text("utf-8")
    there = text.partition(BEGIN)[2].partition(END)[0]
    assert there == table(), "python connectors/shopify/tests/test_topics.py writes it anew"


@pytest.mark.parametrize("topic", ALL)
def test_each_topic_is_understood_or_ignored_for_a_reason(topic: str) -> None:
    assert "does not know" not in becomes(topic)


def published() -> Iterator[tuple[str, bytes]]:
    """Shopify's own samples."""
    for file in sorted((HERE / "recordings").glob("*.json")):
        told = json.loads(file.read_text("utf-8"))
        yield told["name"], json.dumps(told["response"]).encode()


@pytest.mark.parametrize(("topic", "data"), [*published()], ids=lambda value: str(value)[:40])
def test_the_table_says_what_translate_makes_of_the_sample(topic: str, data: bytes) -> None:
    headers = {"x-shopify-triggered-at": "2026-05-01T12:00:00.000Z"}
    said = becomes(topic)
    told = ""
    facts: list[str] = []
    try:
        facts = [fact.type for fact in translate(Raw(topic, data=data, headers=headers))]
    except Ignore:
        assert "ignored" in said or "by the next poll" in said or topic == "customers/merge"
        return
    except RejectedError as error:
        told = error.reason
    assert told or facts
    assert told in said
    for fact in facts:
        kind, _, verb = fact.partition(".")
        assert kind in said
        assert f".{verb}" in said


def test_what_becomes_something_is_subscribed_to() -> None:
    """But what comes by another topic too, and privacy, which is set in the app itself."""
    spelt = {topic.upper().replace("/", "_").replace(".", "_"): topic for topic in ALL}
    asked = {spelt[name] for name in subscriptions.TOPICS}
    left = {one for one in ALL if not becomes(one).startswith("ignored")} - asked
    assert left == {
        "customers/data_request",
        "customers/disable",  # customers/update comes as well
        "customers/enable",
        "customers/redact",
        "fulfillment_events/delete",
        "fulfillment_holds/added",  # fulfillment_orders/placed_on_hold comes as well
        "fulfillment_holds/released",
        "fulfillment_orders/cancellation_request_rejected",
        "fulfillment_orders/cancellation_request_submitted",
        "fulfillment_orders/fulfillment_service_failed_to_complete",
        "fulfillment_orders/line_items_prepared_for_local_delivery",
        "fulfillment_orders/line_items_prepared_for_pickup",
        "fulfillment_orders/manually_reported_progress_stopped",
        "fulfillment_orders/progress_reported",
        "fulfillment_orders/scheduled_fulfillment_order_ready",
        "inventory_levels/disconnect",  # nothing is there to be read
        "orders/fulfilled",  # orders/updated comes as well
        "orders/partially_fulfilled",
        "shop/redact",
    }


if __name__ == "__main__":
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    README.write_text(before + BEGIN + table() + END + rest.partition(END)[2], "utf-8")
    sys.stdout.write(f"written: {README}\n")
