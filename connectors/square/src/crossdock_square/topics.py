"""What Square's webhooks are about. Most carry ids only, or too little to be judged: they are kept,
and have the family they belong to read at once.

Source: Square's list of webhook events of version 2025-08-20.
"""

PAYMENTS = frozenset({"payment.created", "payment.updated"})
DISPUTES = frozenset(
    {
        "dispute.created",
        "dispute.state.updated",
        "dispute.state.changed",
        "dispute.evidence.added",
        "dispute.evidence.created",
        "dispute.evidence.deleted",
        "dispute.evidence.removed",
    }
)
WAKES = {
    "order.created": "orders",
    "order.updated": "orders",
    "order.fulfillment.updated": "orders",
    "refund.created": "refunds",
    "refund.updated": "refunds",
    "inventory.count.updated": "inventory",
    "catalog.version.updated": "catalog",
}
"""Thin events, and the family that is read because of them."""

ORDER, RETURN, REFUND = "Order", "Return", "Refund"
COUNT, CHANGE, ITEM = "InventoryCount", "InventoryChange", "CatalogObject"
BEGAN = "crossdock.reading_began"
