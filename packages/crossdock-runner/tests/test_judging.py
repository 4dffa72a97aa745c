"""A judge that cannot find anything would prove nothing: spoil each table in turn."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from crossdock_runner.judging import Roles, Verdict, judge
from crossdock_runner.players import Sold, Tables

ROLES = Roles(channels=("web", "till"), erp="erp", houses=("dc1",), stocked=("web",), kept_back=1)
QUIET = {"quiet": True, "difference": 0, "exceptions": 0, "dead_letters": 0}


def good() -> dict[str, Tables]:
    """Two orders of a shop, shipped and told; one of a till."""
    return {
        "web": Tables(
            sold=[Sold(number="#1", to_ship=2, told=2), Sold(number="#2", to_ship=1, told=1)],
            stock={"MUG": 6, "TEE": 0},
            sent=4,
            accepted=4,
        ),
        "till": Tables(sold=[Sold(number="T1", to_ship=0)], sent=1, accepted=1),
        "dc1": Tables(shipped=Counter({"#1": 2, "#2": 1}), stock={"MUG": 7, "TEE": 0}, parcels=2),
        "erp": Tables(booked=Counter(["#1", "#2", "T1"]), shipped=Counter({"#1": 2, "#2": 1})),
    }


def judged(tables: dict[str, Tables], **account: Any) -> Verdict:
    return judge(ROLES, tables, {**QUIET, **account})


def test_all_is_well() -> None:
    verdict = judged(good())
    assert verdict.complete
    assert (verdict.total("sold"), verdict.total("in_erp"), verdict.parcels) == (3, 3, 2)


SPOILT: dict[str, Callable[[dict[str, Tables]], Any]] = {
    "an order is not in the ERP": lambda t: t["erp"].booked.pop("#2"),
    "a till sale is not in the ERP": lambda t: t["erp"].booked.pop("T1"),
    "an order is there twice": lambda t: t["erp"].booked.update(["#1"]),
    "the house has not shipped": lambda t: t["dc1"].shipped.pop("#2"),
    "the house shipped too much": lambda t: t["dc1"].shipped.update(["#1"]),
    "the house shipped what left at the till": lambda t: t["dc1"].shipped.update(["T1"]),
    "the ERP has not booked it": lambda t: t["erp"].shipped.pop("#1"),
    "the channel was not told": lambda t: t["web"].sold.__setitem__(
        1, Sold(number="#2", to_ship=1)
    ),
    "one order is told for another": lambda t: t["web"].sold.__setitem__(
        slice(None),
        [Sold(number="#1", to_ship=2, told=1), Sold(number="#2", to_ship=1, told=2)],
    ),
    "the channel promises too much": lambda t: t["web"].stock.update(MUG=7),
    "a webhook was not accepted": lambda t: setattr(t["web"], "accepted", 3),
    "it still sells": lambda t: setattr(t["till"], "busy", True),
    "nothing was sold": lambda t: (t["web"].sold.clear(), t["till"].sold.clear()),
}


@pytest.mark.parametrize("what", SPOILT)
def test_each_fault_is_found(what: str) -> None:
    tables = good()
    SPOILT[what](tables)
    assert not judged(tables).complete


@pytest.mark.parametrize("account", [{"quiet": False}, {"difference": 1}])
def test_what_is_under_way_or_missing_is_not_complete(account: dict[str, Any]) -> None:
    assert not judged(good(), **account).complete


def test_roles_follow_from_the_domains() -> None:
    domains = {
        "orders": {"capture": ["web", "amazon"], "execute": "erp"},
        "inventory": {"owner": "dc1", "publish_to": ["erp", "web"], "safety_stock": 2},
        "fulfillment": {"owner": "dc1", "publish_to": ["erp", "web"]},
    }
    assert Roles.of(domains) == Roles(
        channels=("web", "amazon"), erp="erp", houses=("dc1",), stocked=("web",), kept_back=2
    )
    domains["fulfillment"]["overrides"] = [{"location": "DC2", "owner": "dc2"}]
    assert Roles.of(domains).houses == ("dc1", "dc2")
    assert Roles.of(domains).stocked == ()
