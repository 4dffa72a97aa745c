"""The judge: the sender's own list against the receivers' own tables. Nothing of ours is asked.

Every way in which a run can be wrong has a name here and a count; a run is good when there is none.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Report = Mapping[str, Any]
Faults = dict[str, int]


def judge(shop: Report, erp: Report, log: Report) -> Faults:
    """What is wrong, by name; empty when every order arrived once, whole, shipped and told.

    `shop` and `erp` are the sandboxes' reports, `log` is the observer's (boxes.py).
    """
    faults: Counter[str] = Counter()
    sold = {order["name"]: order for order in shop["orders"].values()}
    faults["webhooks never accepted"] = shop["deliveries"]["sent"] - shop["deliveries"]["accepted"]
    faults["orders being sold"] = int(shop["selling"])
    bought: dict[str, list[Report]] = defaultdict(list)
    for order in erp["orders"]:
        bought[order["client_order_ref"]].append(order)
    faults += _orders(sold, bought)
    faults += _parcels(sold, erp, log)
    faults += _stock(sold, shop, erp, log)
    return {name: count for name, count in faults.items() if count}


def _orders(sold: Mapping[str, Report], bought: Mapping[str, Sequence[Report]]) -> Counter[str]:
    faults: Counter[str] = Counter()
    faults["orders nobody placed"] = len(set(bought) - set(sold))
    for name, order in sold.items():
        there = [one for one in bought.get(name, ()) if one["state"] == "sale"]
        faults["orders lost"] += not there
        faults["orders doubled"] += max(len(bought.get(name, ())) - 1, 0)
        for one in there[:1]:
            goods = _goods(one["lines"], "quantity")
            faults["orders with other goods"] += goods != _sold_goods(order, "lines")
            faults["orders with another total"] += abs(
                float(order["total"]) - one["amount_total"]
            ) > 0.005 or (order["currency"] != one["currency"])
    return faults


def _goods(lines: Sequence[Report], what: str) -> Counter[str]:
    goods: Counter[str] = Counter()
    for line in lines:
        if line["sku"] not in {"SHIPPING", "DISCOUNT"}:
            goods[line["sku"]] += int(line[what])
    return goods


def _sold_goods(order: Report, what: str) -> Counter[str]:
    goods: Counter[str] = Counter()
    for line, quantity in order[what].items():
        goods[order["skus"][line]] += quantity
    return +goods


def _parcels(sold: Mapping[str, Report], erp: Report, log: Report) -> Counter[str]:
    """Each parcel that left the warehouse is known to its own customer, once, in its order."""
    faults: Counter[str] = Counter()
    name_of = {order["external_id"]: order["client_order_ref"] for order in erp["orders"]}
    sku_of = {
        line["external_id"]: line["sku"] for order in erp["orders"] for line in order["lines"]
    }
    told: Counter[tuple[str, str]] = Counter()
    contents: dict[tuple[str, str], Counter[str]] = {}
    for name, order in sold.items():
        for row in order["fulfillments"]:
            parcel = (name, " ".join(row["tracking"]))
            told[parcel] += 1
            contents[parcel] = _sold_goods({**order, "lines": row["lines"]}, "lines")
    faults["parcels told twice"] = sum(told.values()) - len(told)
    left: set[tuple[str, str]] = set()
    for picking in erp["pickings"]:
        if picking["state"] != "done":
            faults["parcels not shipped"] += picking["state"] != "cancel"
            continue
        parcel = (name_of.get(picking["order_external_id"], "?"), picking["tracking"])
        left.add(parcel)
        goods: Counter[str] = Counter()
        for line, quantity in picking["lines"].items():
            goods[sku_of.get(line, "?")] += int(quantity)
        if parcel not in told:
            faults["parcels not told"] += 1
        elif contents[parcel] != goods:
            faults["parcels told with other goods"] += 1
    faults["parcels told that never left"] = len(set(told) - left)
    for order in sold.values():
        shipped = _sold_goods(order, "fulfilled")
        faults["orders not shipped whole"] += shipped != _sold_goods(order, "lines")
    # the warehouse numbers its parcels as they leave, so an order's must be told rising
    faults["order inversions"] = _inversions(
        [(name, int(tracking.lstrip("1Z") or 0)) for name, tracking in log["parcels"]]
    )
    return faults


def _stock(sold: Mapping[str, Report], shop: Report, erp: Report, log: Report) -> Counter[str]:
    """What was there, less what was sold, is there: in both houses, piece by piece."""
    faults: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for order in sold.values():
        gone += _sold_goods(order, "lines")
    for sku, available in shop["stock"].items():
        places = erp["stock"].get(sku, {}).values()
        on_hand = int(sum(place["on_hand"] for place in places))
        reserved = int(sum(place["reserved"] for place in places))
        expected = log["start"] - gone[sku]
        faults["pieces of stock missing or too many at the ERP"] += abs(on_hand - expected)
        faults["pieces reserved for nobody"] += abs(reserved)
        faults["pieces of stock missing or too many at the shop"] += abs(available - expected)
    # nothing is bought in, so what the shop is told can only fall
    faults["stock inversions"] = _inversions([(sku, -left) for sku, left in log["stock"]])
    return faults


def _inversions(told: Sequence[tuple[str, int]]) -> int:
    """How often an entity was told something older than it knew."""
    newest: dict[str, int] = {}
    count = 0
    for entity, number in told:
        count += number < newest.get(entity, number)
        newest[entity] = max(number, newest.get(entity, number))
    return count
