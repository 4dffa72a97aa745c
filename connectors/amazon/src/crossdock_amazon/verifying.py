# ruff: noqa: N815 - field names are the vendor's
"""Did Amazon do what it accepted? ACCEPTED is not applied, so a listing is read again later."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import quote

import crossdock
from crossdock import jsontext
from crossdock.reading import Count, Required, Shape, Text, TypedDict

from crossdock_amazon.api import Api, csv

TOPIC = "stock_check"
MOST = 5_000
"""Figures that wait to be looked at; beyond, the oldest is left to reconciliation."""
OPERATION = "listingsItems_2021-08-01.getListingsItem"


class _Issue(TypedDict, total=False):
    severity: Text | None
    message: Text | None
    code: Text | None


class _Availability(TypedDict, total=False):
    fulfillmentChannelCode: Required[Text]
    quantity: Count | None


class _Item(TypedDict, total=False):
    issues: list[_Issue] | None
    fulfillmentAvailability: list[_Availability] | None


class _Check(TypedDict):
    """What was asked for, and the listing as it is."""

    sku: Text
    channel: Text
    wanted: Count
    submissionId: Text
    item: _Item


CHECK = Shape(_Check)


@dataclass(frozen=True)
class Pending:
    """One figure that Amazon accepted."""

    sku: str
    channel: str
    location: str
    wanted: int
    submission: str
    at: float


@dataclass
class Verifier:
    """Figures of this process that are still to be looked at. `clock` only grows.

    They are lost with the process; reconciliation compares all of them sooner or later.
    """

    api: Api
    clock: Callable[[], float] = time.monotonic
    _pending: dict[tuple[str, str], Pending] = field(default_factory=dict)

    def expect(self, sku: str, channel: str, location: str, wanted: int, submission: str) -> None:
        """Look at it later; a newer figure takes the place of an older."""
        self._pending.pop((sku, channel), None)
        self._pending[sku, channel] = Pending(
            sku, channel, location, wanted, submission, self.clock()
        )
        if len(self._pending) > MOST:
            del self._pending[next(iter(self._pending))]

    async def due(self) -> AsyncIterator[crossdock.Raw]:
        """A record for each figure whose time has come."""
        ripe = self.clock() - self.api.config.verify_after_s
        for key, one in list(self._pending.items()):
            if one.at > ripe:
                return
            answer = await self.api.call(
                OPERATION,
                "GET",
                f"listings/2021-08-01/items/{quote(self.api.config.seller_id, safe='')}/"
                f"{quote(one.sku, safe='')}",
                params={
                    "marketplaceIds": csv(self.api.config.marketplaces),
                    "includedData": "fulfillmentAvailability,issues",
                },
            )
            if self._pending.get(key) is one:  # no newer figure came meanwhile
                del self._pending[key]
                yield _record(one, answer.json())


def _record(one: Pending, item: Any) -> crossdock.Raw:
    body = {
        "sku": one.sku,
        "channel": one.channel,
        "location": one.location,
        "wanted": one.wanted,
        "submissionId": one.submission,
        "item": item,
    }
    return crossdock.Raw(
        TOPIC,
        data=jsontext.dump(body),
        key=f"inventory:{one.sku}@{one.location}"[:180],
        delivery_id=f"{TOPIC}:{one.sku}:{one.channel}:{one.submission}"[:255],
    )


def translate(raw: crossdock.Raw) -> NoReturn:
    """Ignore: the figure holds. RejectedError: it does not, and a person must know."""
    told = CHECK.read(raw)
    item, sku = told["item"], told["sku"][:80]
    offered = [
        one.get("quantity") or 0
        for one in item.get("fulfillmentAvailability") or ()
        if one["fulfillmentChannelCode"] == told["channel"]
    ]
    found = offered[0] if offered else None
    wrong = [one for one in item.get("issues") or () if one.get("severity") == "ERROR"]
    if found == told["wanted"]:
        raise crossdock.Ignore(f"{sku}: Amazon offers {found}, as accepted")
    if found is not None and found < told["wanted"] and not wrong:
        raise crossdock.Ignore(
            f"{sku}: Amazon offers {found}, fewer than the {told['wanted']} accepted: sold since, "
            "or not applied yet; reconciliation compares them"
        )
    issues = "; ".join(f"{one.get('code')}: {one.get('message')}" for one in wrong)[:300]
    raise crossdock.RejectedError(
        f"Amazon accepted {told['wanted']} of {sku} (submission {told['submissionId'][:60]}), and "
        f"offers {'nothing' if found is None else found} by {told['channel'][:40]}; errors of the "
        f"listing: {issues or 'none'}. Mend the listing in Seller Central, then publish again",
        reason="stock_not_applied",
    )
