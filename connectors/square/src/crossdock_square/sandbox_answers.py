"""What the pretended Square answers: one function for each operation, over the account.

`Refused` is Square's no, in its own words.
"""

import base64
import copy
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from crossdock.identity import fingerprint

from crossdock_square.sandbox_account import ELSEWHERE, LOCATION, MERCHANT, Account, Row

Given = Mapping[str, Any]
_LONGEST_KEYS = {"RefundPayment": 45, "BatchChangeInventory": 128, "UpsertCatalogObject": 128}


class Refused(Exception):  # noqa: N818 - an answer
    """`{"errors": [...]}` with this status."""

    def __init__(self, status: int, code: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.status = status
        category = "REFUND_ERROR" if code.startswith("REFUND_") else "INVALID_REQUEST_ERROR"
        if status in {401, 403}:
            category = "AUTHENTICATION_ERROR"
        error = {"category": category, "code": code, "detail": detail}
        self.body = {"errors": [error | ({"field": field} if field else {})]}


def _page(rows: Iterable[Row], given: Given, most: int, order: Callable[[Row], Any]) -> Any:
    """So many rows after the cursor, and the next cursor, which belongs to this very query.

    The cursor says behind which row the next page begins, so that what moves is not skipped.
    """
    query = {name: value for name, value in given.items() if name != "cursor"}
    mark = fingerprint(json.dumps(query, sort_keys=True).encode())[:16]
    after = None
    if given.get("cursor"):
        try:
            told, after = json.loads(base64.urlsafe_b64decode(given["cursor"]))
        except ValueError:
            told = None
        if told != mark:
            raise Refused(400, "INVALID_CURSOR", "The cursor is not of this query.", "cursor")
    ordered = sorted(rows, key=order)
    left = [row for row in ordered if after is None or list(order(row)) > after]
    limit = min(int(given.get("limit") or most), most)
    page = copy.deepcopy(left[:limit])
    if len(left) <= limit:
        return page, {}
    text = json.dumps([mark, list(order(left[limit - 1]))]).encode()
    return page, {"cursor": base64.urlsafe_b64encode(text).decode()}


def _when(text: str | None, field: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, "INVALID_TIME", f"{text!r} is not RFC 3339.", field) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def list_locations(account: Account, given: Given) -> Any:
    """Both places of the merchant."""
    names = {LOCATION: "Main street", ELSEWHERE: "Airport"}
    common = {"status": "ACTIVE", "merchant_id": MERCHANT, "currency": "USD", "country": "US"}
    return {"locations": [{"id": own, "name": name, **common} for own, name in names.items()]}


def search_orders(account: Account, given: Given) -> Any:
    """By time of change, for at most ten places."""
    places = given.get("location_ids") or []
    if not 1 <= len(places) <= 10:
        raise Refused(400, "ARRAY_LENGTH_TOO_LONG", "1 to 10 location IDs.", "location_ids")
    query = given.get("query") or {}
    chosen = query.get("filter") or {}
    window = (chosen.get("date_time_filter") or {}).get("updated_at") or {}
    sort = query.get("sort") or {}
    if window and sort.get("sort_field") != "UPDATED_AT":
        raise Refused(400, "BAD_REQUEST", "Sort by the field that is filtered by.", "query.sort")
    since, until = _when(window.get("start_at"), "start_at"), _when(window.get("end_at"), "end_at")
    states = (chosen.get("state_filter") or {}).get("states")
    rows = [
        one
        for one in account.orders.values()
        if one["location_id"] in places
        and (not states or one["state"] in states)
        and (since is None or datetime.fromisoformat(one["updated_at"]) >= since)
        and (until is None or datetime.fromisoformat(one["updated_at"]) < until)
    ]
    page, more = _page(rows, given, 1000, lambda one: (one["updated_at"], one["id"]))
    return {"orders": page, **more} if page else {}


def _one(rows: Mapping[str, Row], own: str, what: str) -> Row:
    if own not in rows:
        raise Refused(404, "NOT_FOUND", f"{what} {own} was not found.")
    return copy.deepcopy(rows[own])


def retrieve_order(account: Account, given: Given) -> Any:
    """One order."""
    return {"order": _one(account.orders, given["order_id"], "Order")}


def get_payment(account: Account, given: Given) -> Any:
    """One payment."""
    return {"payment": _one(account.payments, given["payment_id"], "Payment")}


def get_refund(account: Account, given: Given) -> Any:
    """One refund."""
    return {"refund": _one(account.refunds, given["refund_id"], "Refund")}


def list_refunds(account: Account, given: Given) -> Any:
    """By time of change."""
    since = _when(given.get("updated_at_begin_time"), "updated_at_begin_time")
    until = _when(given.get("updated_at_end_time"), "updated_at_end_time")
    rows = [
        one
        for one in account.refunds.values()
        if (since is None or datetime.fromisoformat(one["updated_at"]) >= since)
        and (until is None or datetime.fromisoformat(one["updated_at"]) < until)
    ]
    page, more = _page(rows, given, 100, lambda one: (one["updated_at"], one["id"]))
    return {"refunds": page, **more}


def refund_payment(account: Account, given: Given) -> Any:
    """At most what is left of a payment."""
    payment = _one(account.payments, given.get("payment_id") or "", "Payment")
    money = given["amount_money"]
    if money["currency"] != payment["total_money"]["currency"]:
        raise Refused(400, "CURRENCY_MISMATCH", "Another currency than the payment's.")
    back = payment.get("refunded_money", {}).get("amount", 0)
    if money["amount"] > payment["total_money"]["amount"] - back:
        detail = "The requested refund amount exceeds the amount available to refund."
        raise Refused(400, "REFUND_AMOUNT_INVALID", detail, "amount_money.amount")
    reason = given.get("reason") or ""
    return {"refund": account.give_back(payment["id"], money["amount"], reason)}


def retrieve_counts(account: Account, given: Given) -> Any:
    """By article, place and state; newest change first."""
    since = _when(given.get("updated_after"), "updated_after")
    rows = []
    for (article, location), states in account.stock.items():
        if given.get("catalog_object_ids") and article not in given["catalog_object_ids"]:
            continue
        if given.get("location_ids") and location not in given["location_ids"]:
            continue
        for state, quantity in states.items():
            at = account.counted_at[article, location][state]
            if given.get("states") and state not in given["states"]:
                continue
            if since is None or datetime.fromisoformat(at) > since:
                rows.append(_count(article, location, state, quantity, at))
    page, more = _page(rows, given, 1000, _newest_first)
    return {"counts": page, **more}


def _count(article: str, location: str, state: str, quantity: Decimal, at: str) -> Row:
    names = {"catalog_object_id": article, "catalog_object_type": "ITEM_VARIATION"}
    told = {"state": state, "location_id": location, "quantity": f"{quantity:f}"}
    return {**names, **told, "calculated_at": at}


def _newest_first(row: Row) -> tuple[float, str, str, str]:
    at = -datetime.fromisoformat(row["calculated_at"]).timestamp()
    return at, row["catalog_object_id"], row["location_id"], row["state"]


def retrieve_changes(account: Account, given: Given) -> Any:
    """The ledger, oldest first."""
    since = _when(given.get("updated_after"), "updated_after")
    rows = []
    for change in account.ledger:
        one = change.get("physical_count") or change["adjustment"]
        articles = given.get("catalog_object_ids")
        if articles and one["catalog_object_id"] not in articles:
            continue
        if given.get("location_ids") and one["location_id"] not in given["location_ids"]:
            continue
        if given.get("types") and change["type"] not in given["types"]:
            continue
        if since is None or datetime.fromisoformat(one["created_at"]) > since:
            rows.append(change)
    page, more = _page(rows, given, 1000, _oldest_first)
    return {"changes": page, **more}


def _oldest_first(row: Row) -> tuple[str, str]:
    one = row.get("physical_count") or row["adjustment"]
    return one["occurred_at"], one["id"]


def change_inventory(account: Account, given: Given) -> Any:
    """Counts, of now or of at most a day ago."""
    now = datetime.now(UTC)
    changes: list[Row] = []
    for n, change in enumerate(given.get("changes") or []):
        one = change.get("physical_count")
        if change.get("type") != "PHYSICAL_COUNT" or one is None:
            raise Refused(400, "INVALID_VALUE", "This sandbox takes counts only.", f"changes[{n}]")
        at = _when(one["occurred_at"], f"changes[{n}].physical_count.occurred_at")
        if at is None or not now - timedelta(days=1) <= at <= now + timedelta(seconds=5):
            raise Refused(400, "INVALID_TIME", "Neither older than 24 hours nor in the future.")
        spot = (one["catalog_object_id"], one["location_id"])
        if all(one["catalog_object_id"] != v["id"] for v in account.variations()):
            raise Refused(404, "NOT_FOUND", f"No article {spot[0]}.", f"changes[{n}]")
        if spot[1] not in {LOCATION, ELSEWHERE}:
            raise Refused(404, "NOT_FOUND", f"No location {spot[1]}.", f"changes[{n}]")
        # by default a count equal to the last physical count is dropped, whatever was sold since
        unchanged = account.last_count(*spot) == Decimal(one["quantity"])
        if not (unchanged and given.get("ignore_unchanged_counts", True)):
            entry = account.count({**one})
            changes.append({"type": "PHYSICAL_COUNT", "physical_count": entry})
    spots = {(c["physical_count"]["catalog_object_id"], LOCATION) for c in changes}
    counts = [
        _count(*spot, state, quantity, account.counted_at[spot][state])
        for spot in spots
        for state, quantity in account.stock[spot].items()
    ]
    return {"counts": counts, "changes": changes}


def search_catalog(account: Account, given: Given) -> Any:
    """Items by time of change, or articles by SKU: in any case, and parts of it too."""
    kinds = given.get("object_types") or ["ITEM"]
    since = _when(given.get("begin_time"), "begin_time")
    exact = (given.get("query") or {}).get("exact_query")
    rows = [*account.items.values()] if "ITEM" in kinds else account.variations()
    found = []
    for row in rows:
        if row["is_deleted"] and not given.get("include_deleted_objects"):
            continue
        if since is not None and datetime.fromisoformat(row["updated_at"]) <= since:
            continue
        data = row.get("item_variation_data") or row["item_data"]
        value = str(data.get(exact["attribute_name"], "")) if exact else ""
        if exact and exact["attribute_value"].lower() not in value.lower():
            continue
        found.append(row)
    page, more = _page(found, given, 1000, lambda one: (one["id"],))
    latest = max((one["updated_at"] for one in account.items.values()), default="")
    return {"objects": page, "latest_time": latest, **more}


def retrieve_catalog(account: Account, given: Given) -> Any:
    """Items and articles by id."""
    known = {**account.items, **{one["id"]: one for one in account.variations()}}
    found = [known[own] for own in dict.fromkeys(given["object_ids"]) if own in known]
    kept = [one for one in found if given.get("include_deleted_objects") or not one["is_deleted"]]
    return {"objects": copy.deepcopy(kept)}


def upsert(account: Account, given: Given) -> Any:
    """A new item (ids begin with `#`), or a known one in the version that was read."""
    item = copy.deepcopy(given["object"])
    if item["type"] != "ITEM" or "item_data" not in item:
        raise Refused(400, "INVALID_VALUE", "This sandbox takes items only.", "object.type")
    mapped = []
    if not item["id"].startswith("#"):
        before = _one(account.items, item["id"], "Catalog object")
        if item.get("version") != before["version"]:
            detail = f"Object version {item.get('version')} is not {before['version']}."
            raise Refused(400, "VERSION_MISMATCH", detail, "object.version")
    else:
        named = account.name("ITM")
        mapped.append({"client_object_id": item["id"], "object_id": named})
        item["id"] = named
    for row in item["item_data"].get("variations") or []:
        row["item_variation_data"]["item_id"] = item["id"]
        if row["id"].startswith("#"):
            named = account.name("VAR")
            mapped.append({"client_object_id": row["id"], "object_id": named})
            row["id"] = named
    kept = account.keep(item)
    return {"catalog_object": copy.deepcopy(kept), "id_mappings": mapped}


ANSWERS: dict[str, Callable[[Account, Given], Any]] = {
    "ListLocations": list_locations,
    "SearchOrders": search_orders,
    "RetrieveOrder": retrieve_order,
    "GetPayment": get_payment,
    "GetPaymentRefund": get_refund,
    "ListPaymentRefunds": list_refunds,
    "RefundPayment": refund_payment,
    "BatchRetrieveInventoryCounts": retrieve_counts,
    "BatchRetrieveInventoryChanges": retrieve_changes,
    "BatchChangeInventory": change_inventory,
    "SearchCatalogObjects": search_catalog,
    "BatchRetrieveCatalogObjects": retrieve_catalog,
    "UpsertCatalogObject": upsert,
}


def once(account: Account, replays: dict[str, Any], name: str, given: Given) -> Any:
    """An operation under its idempotency key, where it has one."""
    key = given.get("idempotency_key")
    if key is None:
        return ANSWERS[name](account, given)
    longest = _LONGEST_KEYS.get(name, 128)
    if len(key) > longest:
        raise Refused(400, "VALUE_TOO_LONG", f"At most {longest} characters.", "idempotency_key")
    earlier = replays.get(f"{name}:{key}")
    if earlier is not None:
        if earlier[0] != given:
            detail = "Different request parameters used for the same idempotency_key."
            raise Refused(400, "IDEMPOTENCY_KEY_REUSED", detail, "idempotency_key")
        return copy.deepcopy(earlier[1])
    answer = ANSWERS[name](account, given)
    replays[f"{name}:{key}"] = (copy.deepcopy(given), copy.deepcopy(answer))
    return copy.deepcopy(answer)
