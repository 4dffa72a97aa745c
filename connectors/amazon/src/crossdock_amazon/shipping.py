"""What our houses shipped, told to Amazon: the command `fulfillment.create`.

`confirmShipment` has no idempotency key. So each package has a number of ours that follows from
the shipment's own id, and the order's packages are looked at first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import crossdock
from crossdock.canonical import Fulfillment

from crossdock_amazon import mapping_orders, mapping_packages, shapes
from crossdock_amazon.api import Api
from crossdock_amazon.marks import package_reference

OPERATION = "ordersV0.confirmShipment"
CARRIERS = frozenset(
    [
        "4PX",
        "A-1",
        "Amazon Shipping",
        "ABF",
        "AFL/Fedex",
        "ALLJOY",
        "APC",
        "Aramex",
        "Arrow",
        "Asendia",
        "Australia Post",
        "BJS",
        "Blue Package",
        "BRT",
        "Canada Post",
        "CEVA",
        "China Post",
        "Chronopost",
        "Chukou1",
        "Colissimo",
        "Correos",
        "Couriers Please",
        "DACHSER",
        "Delhivery",
        "Deutsche Post",
        "DHL",
        "DHL eCommerce",
        "DPD",
        "DTDC",
        "Emirates Post",
        "Estes",
        "Evri",
        "Fastway",
        "FedEx",
        "FedEx SmartPost",
        "GLS",
        "Hermes",
        "Hermes UK",
        "India Post",
        "InPost",
        "Japan Post",
        "La Poste",
        "Lasership",
        "Nippon Express",
        "OnTrac",
        "Parcelforce",
        "Poste Italiane",
        "PostNL",
        "PostNord",
        "Purolator",
        "Royal Mail",
        "Sagawa",
        "SDA",
        "Seur",
        "SF Express",
        "Singapore Post",
        "TNT",
        "Toll Global Express",
        "UPS",
        "UPS Mail Innovations",
        "USPS",
        "Yamato Transport",
        "YANWEN",
        "Yodel",
        "Yun Express",
    ]
)
"""Carrier codes that Amazon takes as they are (announcement "CarrierCode", not complete)."""


@dataclass(frozen=True)
class Shipping:
    """Confirms shipments of merchant-fulfilled orders."""

    api: Api
    now: Any
    """The present, in UTC."""

    async def create(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Confirm one package. RejectedError: Amazon does not expect it to leave."""
        shipment = command.data
        if not isinstance(shipment, Fulfillment):
            raise crossdock.ContractError("fulfillment.create needs a Fulfillment")
        order = await self._order(command, shipment)
        reference = package_reference(command.entity_id)
        if _package(order, reference) is not None:
            return self._receipt(order, reference, changed=False)
        body = self._body(order, shipment, reference)
        await self.api.call(
            OPERATION,
            "POST",
            f"orders/v0/orders/{quote(order['orderId'], safe='')}/shipmentConfirmation",
            body=body,
        )
        return self._receipt(order, reference, changed=True)

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of a package that is there."""
        shipment = command.data
        if not isinstance(shipment, Fulfillment):
            return None
        order = await self._order(command, shipment)
        reference = package_reference(command.entity_id)
        if _package(order, reference) is None:
            return None
        return self._receipt(order, reference, changed=True)

    async def _order(self, command: crossdock.Command[Any], shipment: Fulfillment) -> shapes.Order:
        native = command.native_id(shipment.order.id) or shipment.order.native_id
        if not native:
            raise crossdock.RejectedError(
                f"the order {shipment.order.id} of this shipment was never told by Amazon",
                reason="unknown_order",
                parts={"order": shipment.order.id},
            )
        return shapes.ORDER.of(await self.api.order(native), mapping_orders.TOPIC)

    def _receipt(self, order: shapes.Order, reference: str, *, changed: bool) -> crossdock.Receipt:
        return crossdock.Receipt(
            native_id=f"{order['orderId']}:{reference}",
            changed=changed,
            note=f"package {reference} of {order['orderId']}",
        )

    def _body(self, order: shapes.Order, shipment: Fulfillment, reference: str) -> dict[str, Any]:
        marketplace = order["salesChannel"].get("marketplaceId")
        if mapping_orders.is_by_amazon(order):
            raise crossdock.RejectedError(
                f"order {order['orderId']} is shipped by Amazon itself: nothing to confirm",
                reason="fulfilled_by_amazon",
            )
        status = order["fulfillment"]["fulfillmentStatus"]
        if status in {"CANCELLED", *mapping_orders.WAITING}:
            raise crossdock.RejectedError(
                f"order {order['orderId']} is {status} at Amazon: a shipment cannot be confirmed. "
                "Stop the parcel, or settle it in Seller Central",
                reason=f"order_is_{status.lower()}",
            )
        numbers = [one.number for one in shipment.tracking if one.number]
        if not numbers:
            raise crossdock.RejectedError(
                f"shipment {shipment.number or shipment.id} of order {order['orderId']} has no "
                "tracking number, and Amazon takes none without. Give it one and retry",
                reason="tracking_required",
            )
        carrier = next((one.carrier for one in shipment.tracking if one.carrier), None)
        package: dict[str, Any] = {
            "packageReferenceId": reference,
            **self._carrier(carrier, shipment.service),
            "trackingNumber": numbers[0],
            "shipDate": (shipment.shipped_at or self.now()).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "orderItems": _items(order, shipment),
        }
        if shipment.service:
            package["shippingMethod"] = shipment.service
        return {"marketplaceId": marketplace, "packageDetail": package}

    def _carrier(self, name: str | None, service: str | None) -> dict[str, str]:
        given = name or service or "Other"
        code = self.api.config.carriers.get(given, given)
        if code in CARRIERS:
            return {"carrierCode": code}
        return {"carrierCode": "Other", "carrierName": code}


def _package(order: shapes.Order, reference: str) -> shapes.Package | None:
    return next(
        (
            one
            for one in order.get("packages") or ()
            if one["packageReferenceId"] == reference
            and mapping_packages.status_of(one) != "CANCELLED"
        ),
        None,
    )


def _items(order: shapes.Order, shipment: Fulfillment) -> list[dict[str, Any]]:
    """So much of each item, whole pieces, and no more than is open."""
    open_ = {item["orderItemId"]: _open(item) for item in order["orderItems"]}
    asked: dict[str, Decimal] = {}
    for line in shipment.lines:
        asked[line.line_id] = asked.get(line.line_id, Decimal(0)) + line.quantity
    wrong = [
        f"{line}: {many:f} of {open_.get(line, 0)} open"
        for line, many in asked.items()
        if many != many.to_integral_value() or many > open_.get(line, 0) or many <= 0
    ]
    if wrong or not asked:
        raise crossdock.RejectedError(
            f"order {order['orderId']} at Amazon does not expect this shipment "
            f"({'; '.join(wrong)[:300] or 'it has no lines'}). If it was confirmed in Seller "
            "Central by hand, resolve this",
            reason="not_expected",
        )
    return [{"orderItemId": line, "quantity": int(many)} for line, many in asked.items()]


def _open(item: Mapping[str, Any]) -> int:
    told = item.get("fulfillment") or {}
    left = told.get("quantityUnfulfilled")
    if left is None:
        left = item["quantityOrdered"] - (told.get("quantityFulfilled") or 0)
    return int(left)
