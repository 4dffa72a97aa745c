"""A judge that cannot find anything would prove nothing: spoil each table in turn."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from crossdock.identity import entity_id
from crossdock_runner import playing
from mini import World
from oracle import judge

Tables = dict[str, Any]


def good() -> Tables:
    """One order of two pieces, shipped in two parcels, told, and gone from both stocks."""
    return {
        "shop": {
            "selling": False,
            "deliveries": {"sent": 2, "accepted": 2},
            "orders": {
                "1": {
                    "name": "#1",
                    "currency": "EUR",
                    "total": "10.00",
                    "lines": {"a": 2},
                    "skus": {"a": "MUG"},
                    "fulfilled": {"a": 2},
                    "fulfillments": [
                        {"tracking": ["1Z0001"], "lines": {"a": 1}},
                        {"tracking": ["1Z0002"], "lines": {"a": 1}},
                    ],
                }
            },
            "stock": {"MUG": 98},
        },
        "erp": {
            "orders": [
                {
                    "client_order_ref": "#1",
                    "external_id": "x.ord",
                    "state": "sale",
                    "currency": "EUR",
                    "amount_total": 10.0,
                    "lines": [{"external_id": "x.line", "sku": "MUG", "quantity": 2.0}],
                }
            ],
            "pickings": [
                {
                    "state": "done",
                    "order_external_id": "x.ord",
                    "tracking": f"1Z000{number}",
                    "lines": {"x.line": 1.0},
                }
                for number in (1, 2)
            ],
            "stock": {"MUG": {"WH": {"on_hand": 98.0, "reserved": 0.0}}},
        },
        "log": {
            "start": 100,
            "stock": [["MUG", 99], ["MUG", 98]],
            "parcels": [["#1", "1Z0001"], ["#1", "1Z0002"]],
        },
    }


def order(tables: Tables) -> Any:
    return tables["erp"]["orders"][0]


def sold(tables: Tables) -> Any:
    return tables["shop"]["orders"]["1"]


SPOILED: dict[str, Callable[[Tables], object]] = {
    "webhooks never accepted": lambda t: t["shop"]["deliveries"].update(accepted=1),
    "orders being sold": lambda t: t["shop"].update(selling=True),
    "orders nobody placed": lambda t: t["erp"]["orders"].append(
        {**order(t), "client_order_ref": "#9", "external_id": "y"}
    ),
    "orders lost": lambda t: order(t).update(state="draft"),
    "orders doubled": lambda t: t["erp"]["orders"].append(copy.deepcopy(order(t))),
    "orders with other goods": lambda t: order(t)["lines"][0].update(quantity=3.0),
    "orders with another total": lambda t: order(t).update(amount_total=10.01),
    "parcels not shipped": lambda t: t["erp"]["pickings"][1].update(state="assigned"),
    "parcels not told": lambda t: sold(t)["fulfillments"].pop(),
    "parcels told twice": lambda t: sold(t)["fulfillments"].append(sold(t)["fulfillments"][0]),
    "parcels told with other goods": lambda t: sold(t)["fulfillments"][0].update(lines={"a": 2}),
    "parcels told that never left": lambda t: t["erp"]["pickings"][0].update(tracking="1Z0007"),
    "orders not shipped whole": lambda t: sold(t).update(fulfilled={"a": 1}),
    "order inversions": lambda t: t["log"]["parcels"].reverse(),
    "stock inversions": lambda t: t["log"]["stock"].reverse(),
    "pieces of stock missing or too many at the ERP": lambda t: t["erp"]["stock"]["MUG"][
        "WH"
    ].update(on_hand=97.0),
    "pieces reserved for nobody": lambda t: t["erp"]["stock"]["MUG"]["WH"].update(reserved=1.0),
    "pieces of stock missing or too many at the shop": lambda t: t["shop"].update(
        stock={"MUG": 99}
    ),
}


def test_the_judge_finds_nothing_where_all_is_well() -> None:
    assert judge(**good()) == {}


@pytest.mark.parametrize("fault", SPOILED)
def test_the_judge_names_what_is_wrong(fault: str) -> None:
    tables = good()
    SPOILED[fault](tables)
    assert fault in judge(**tables)


def test_the_judge_of_the_small_world_names_what_is_wrong() -> None:
    world = World(poison=[b"p"], conflicts=[b"c"], shipments={"s": "1"}, levels={"MUG": [5, 7]})
    world.order(1, 1, 2)
    world.order(2)
    ref = entity_id("web", "order", "1")
    world.erp.records += [{"ref": ref, "version": 1}, {"ref": ref, "version": 1}]
    world.erp.log += [("order.update", ref, 2), ("order.update", ref, 1)]
    world.erp.overlaps = 1
    world.shop.log += [("inventory.publish", "MUG", 7), ("inventory.publish", "MUG", 5)]
    assert world.judge([], []) == {
        "webhooks never accepted": 3,
        "orders lost": 1,
        "orders doubled": 1,
        "orders stale": 1,
        "order inversions": 1,
        "overlaps": 1,
        "shipments not told": 1,
        "levels stale": 1,
        "level inversions": 1,
        "poison vanished": 1,
        "conflicts swallowed": 1,
    }


def test_the_judge_of_the_demo_sees_what_is_wrong() -> None:
    """That of `crossdock demo`, which asks our own account too."""

    def shop(**over: object) -> dict[str, object]:
        order = {"name": "#1", "lines": {"a": 2}, "fulfilled": {"a": 2}}
        return {
            "selling": False,
            "orders": {"1": {**order, **over}},
            "fulfillments": 1,
            "stock_updates": 1,
            "stock": {"MUG": 8},
            "deliveries": {"accepted": 1, "sent": 1},
        }

    def erp(*refs: str, state: str = "done") -> dict[str, object]:
        return {
            "orders": [{"client_order_ref": ref, "state": "sale"} for ref in refs],
            "pickings": [{"state": state}],
            "stock": {"MUG": {"WH": {"on_hand": 8, "reserved": 0}}},
        }

    calm = {"account": {"quiet": True, "difference": 0}}

    def complete(s: dict[str, object], e: dict[str, object], c: object = calm) -> playing.Judgement:
        return playing.judge(s, e, c)  # type: ignore[arg-type]

    assert complete(shop(), erp("#1")).complete
    assert complete(shop(), erp()).lost == 1
    assert complete(shop(), erp("#1", "#1")).duplicates_in_erp == 1
    assert not complete(shop(), erp("#1", "#1")).complete
    assert complete(shop(fulfilled={"a": 1}), erp("#1")).unfulfilled == 1
    assert complete(shop(fulfilled={"a": 3}), erp("#1")).wrongly_fulfilled == 1
    assert not complete(shop(), erp("#1", state="assigned")).complete
    assert not complete(shop(), erp("#1"), {"account": {"quiet": True, "difference": 1}}).complete
    assert not complete(shop(), erp("#1"), {"account": {"quiet": False}}).complete
    stale = erp("#1")
    stale["stock"] = {"MUG": {"WH": {"on_hand": 8, "reserved": 1}}}
    assert complete(shop(), stale).stock_differences == 1
