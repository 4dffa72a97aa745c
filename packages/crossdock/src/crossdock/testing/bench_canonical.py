"""How fast the canonical language is read, as ratios to orjson.loads of the same bytes.

Both are measured by turns in the same run, so a busy machine slows both; the least of many rounds
counts, in CPU time of this process. Amounts differ from document to document (`fresh`) where a
figure would flatter by remembered decimals.
"""

import time
from collections.abc import Callable, Iterable
from itertools import cycle, pairwise
from typing import Any

from crossdock.canonical import Order, samples


def order_bytes(lines: int, *, seed: int = 0) -> bytes:
    """A canonical order as a shop tells it: titles, taxes, one discount a line, two addresses."""
    money = _prices(seed)
    document = {
        "id": "ord_0123456789abcdefghjkmnpqrs",
        "refs": [{"connection": "web", "kind": "order", "value": "820982911946154508"}],
        "updated_at": samples.MOMENT,
        "number": f"#{1000 + seed}",
        "placed_at": samples.MOMENT,
        "currency": "USD",
        "lines": [_line(index, money) for index in range(lines)],
        "shipping": [
            {"line_id": "S1", "title": "Standard, 2 to 4 days", "price": next(money)},
        ],
        "totals": {
            "subtotal": next(money),
            "discount": next(money),
            "shipping": next(money),
            "tax": next(money),
            "total": next(money),
        },
        "payment": {"captured": next(money), "methods": ["visa"]},
        "customer": {"native_id": "115310627314723954"},
        "customer_name": "Josephine Bloggs-Featherstonehaugh",
        "email": "josephine.bloggs@example.com",
        "phone": "+15025550100",
        "billing_address": _ADDRESS,
        "shipping_address": _ADDRESS,
        "note": "Please ring twice and leave the parcel with the neighbours at number 14.",
        "tags": ["summer", "returning customer"],
        "sales_channel": "web",
        "source_status": {"payment": "paid"},
    }
    import orjson

    return orjson.dumps(document)


def parse_ratio(*, rounds: int = 40, fresh: bool = False) -> dict[str, float]:
    """Reading a five-line canonical order. Goal: at most 4 times orjson.loads."""
    import orjson

    documents = [order_bytes(5, seed=seed) for seed in range(200 if fresh else 1)]
    least = measure(
        {"floor": (orjson.loads, documents), "parse": (Order.parse, documents)}, rounds=rounds
    )
    return {
        "bytes": float(len(documents[0])),
        "orjson_us": least["floor"] * 1e6,
        "parse_us": least["parse"] * 1e6,
        "ratio": least["parse"] / least["floor"],
    }


def translate_ratio(
    translate: Callable[[bytes], bytes], vendor: bytes, *, rounds: int = 40
) -> dict[str, float]:
    """Vendor bytes to canonical bytes through a given translation. Goal: at most 5 times."""
    import orjson

    least = measure(
        {"floor": (orjson.loads, [vendor]), "translate": (translate, [vendor])}, rounds=rounds
    )
    return {
        "bytes": float(len(vendor)),
        "orjson_us": least["floor"] * 1e6,
        "translate_us": least["translate"] * 1e6,
        "ratio": least["translate"] / least["floor"],
    }


def line_costs(*, rounds: int = 15) -> dict[str, float]:
    """What one more line costs, in microseconds. Goal: 20 to 100 at most 1.3 times 5 to 20."""
    sizes = (5, 20, 100, 1_000)
    least = measure(
        {str(size): (Order.parse, [order_bytes(size)]) for size in sizes}, rounds=rounds, span=0.01
    )
    steps = {
        f"{low}-{high}": (least[str(high)] - least[str(low)]) / (high - low) * 1e6
        for low, high in pairwise(sizes)
    }
    return {
        **{f"us_per_line_{name}": cost for name, cost in steps.items()},
        "growth_20_100": steps["20-100"] / steps["5-20"],
        "growth_100_1000": steps["100-1000"] / steps["5-20"],
    }


def measure(
    cases: dict[str, tuple[Callable[[bytes], Any], list[bytes]]],
    *,
    rounds: int,
    span: float = 0.002,
) -> dict[str, float]:
    """Least CPU seconds a call, the cases by turns; each turn lasts about `span`."""
    least = dict.fromkeys(cases, float("inf"))
    calls = {name: max(_calls(function, data, span), 1) for name, (function, data) in cases.items()}
    for _ in range(rounds):
        for name, (function, data) in cases.items():
            spent = _spend(function, cycle(data), calls[name])
            least[name] = min(least[name], spent / calls[name])
    return least


def _calls(function: Callable[[bytes], Any], data: list[bytes], span: float) -> int:
    """How many calls fill `span`; a whole number of turns through the data."""
    spent = _spend(function, data, len(data)) / len(data)
    return -(-int(span / max(spent, 1e-7)) // len(data)) * len(data)


def _spend(function: Callable[[bytes], Any], data: Iterable[bytes], calls: int) -> float:
    started = time.process_time()
    for _, body in zip(range(calls), data, strict=False):
        function(body)
    return time.process_time() - started


def _prices(seed: int) -> Any:
    number = seed * 7919
    while True:
        number = (number * 1103515245 + 12345) % 2**31
        yield {"amount": f"{number % 300}.{number % 89 + 10}", "currency": "USD"}


def _line(index: int, money: Any) -> dict[str, Any]:
    return {
        "line_id": str(466157049 + index),
        "sku": f"SKU2006-{index:03d}",
        "title": "Mid-century lounger, walnut, with two cushions",
        "product": {"native_id": str(788032119674292922 + index)},
        "variant": {"native_id": str(39072856 + index)},
        "ordered": str(index % 3 + 1),
        "unit_price": next(money),
        "discounts": [{"amount": next(money), "code": "SUMMER10", "title": "Summer sale"}],
        "taxes": [{"title": "Kentucky State Tax", "rate": "0.06", "amount": next(money)}],
    }


_ADDRESS = {
    "full_name": "Josephine Bloggs-Featherstonehaugh",
    "company": "Acme Furniture and Interior Design Ltd",
    "lines": ["1234 Old Shepherdsville Road", "Building 7, second floor"],
    "postal_code": "40202",
    "locality": "Louisville",
    "region": "KY",
    "country": "US",
    "phone": "+15025550100",
}
