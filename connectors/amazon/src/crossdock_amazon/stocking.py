# ruff: noqa: N815 - field names are the vendor's
"""Stock of our own, offered at Amazon: the command `inventory.publish`."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any
from urllib.parse import quote

import crossdock
from crossdock.canonical import InventoryLevel
from crossdock.reading import Required, Shape, Text, TypedDict

from crossdock_amazon.api import Api, csv
from crossdock_amazon.verifying import Verifier

OPERATION = "listingsItems_2021-08-01.patchListingsItem"
PRODUCT_TYPE = "PRODUCT"
"""Fits every listing where only the offer changes, as stock does."""
MOST = 2_000_000_000


class _Issue(TypedDict, total=False):
    code: Text | None
    message: Text | None
    severity: Text | None


class _Submission(TypedDict, total=False):
    sku: Required[Text]
    status: Required[Text]
    submissionId: Required[Text]
    issues: list[_Issue] | None


SUBMISSION = Shape(_Submission)


@dataclass(frozen=True)
class Stocking:
    """It sets and never adds, so a second try is harmless."""

    api: Api
    verifier: Verifier

    async def publish(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Set what may be sold of one SKU from one place. RejectedError: Amazon refuses it."""
        level = command.data
        if not isinstance(level, InventoryLevel):
            raise crossdock.ContractError("inventory.publish needs an InventoryLevel")
        channel = self._channel(level)
        quantity = _whole(level)
        value = {"fulfillment_channel_code": channel, "quantity": quantity}
        config = self.api.config
        answer = await self.api.call(
            OPERATION,
            "PATCH",
            f"listings/2021-08-01/items/{quote(config.seller_id, safe='')}/"
            f"{quote(level.sku, safe='')}",
            params={"marketplaceIds": csv(config.marketplaces)},
            body={
                "productType": PRODUCT_TYPE,
                "patches": [
                    # merge: the figures of other channels stay as they are
                    {
                        "op": "merge",
                        "path": "/attributes/fulfillment_availability",
                        "value": [value],
                    }
                ],
            },
            idempotent=True,
        )
        told = SUBMISSION.of(answer.json(), OPERATION)
        if told["status"] != "ACCEPTED":
            issues = "; ".join(
                f"{one.get('code')}: {one.get('message')}" for one in told.get("issues") or ()
            )
            raise crossdock.RejectedError(
                f"Amazon refuses {quantity} of {level.sku}: {told['status']}: "
                f"{issues[:400] or 'no reason told'}",
                reason="listing_invalid",
                request_id=answer.request_id,
            )
        self.verifier.expect(level.sku, channel, level.location, quantity, told["submissionId"])
        return crossdock.Receipt(
            native_id=f"{level.sku}@{level.location}",
            note=f"{quantity} accepted (submission {told['submissionId'][:60]}), to be looked at "
            f"in {config.verify_after_s} s",
        )

    def _channel(self, level: InventoryLevel) -> str:
        channels = self.api.config.channels
        if level.location == self.api.config.fba_location:
            raise crossdock.RejectedError(
                f"stock at {level.location} is Amazon's own word: it cannot be set",
                reason="not_ours_to_set",
            )
        if level.location not in channels:
            raise crossdock.RejectedError(
                f"no fulfilment channel of Amazon stands for {level.location!r}; `channels` has "
                f"{', '.join(channels) or 'none'}",
                reason="unknown_location",
                parts={"location": level.location},
            )
        return channels[level.location]


def _whole(level: InventoryLevel) -> int:
    """What may be sold, in whole pieces, never below 0."""
    sellable = level.sellable
    if sellable is None:
        raise crossdock.RejectedError(
            f"{level.sku}: neither available nor on hand is told", reason="no_quantity"
        )
    pieces = max(sellable, Decimal(0)).to_integral_value(ROUND_FLOOR)
    if pieces > MOST:
        raise crossdock.RejectedError(f"{level.sku}: {pieces} is too many", reason="too_many")
    return int(pieces)
