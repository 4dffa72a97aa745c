"""Every event: what happened, to which entity, in whose sequence, and who says so by default.

On the wire the type is `crossdock.<name>.v<major>`; the body is the whole entity after the fact.
"""

from dataclasses import dataclass

from crossdock.canonical import ENTITIES
from crossdock.canonical.entity import Entity


@dataclass(frozen=True, slots=True)
class EventType:
    """One fact. `key` names the entity whose sequence it belongs to, `authority` who states it."""

    name: str
    meaning: str
    key: str
    authority: str

    @property
    def kind(self) -> str:
        """The entity's kind."""
        return self.name.partition(".")[0]

    @property
    def entity(self) -> type[Entity]:
        """What the event carries."""
        return ENTITIES[self.kind]

    @property
    def type(self) -> str:
        """The CloudEvents type."""
        return f"crossdock.{self.name}.v{self.entity.major}"


_TABLE = """
# catalog, authority: system of record of the catalog
product.changed | A product is new or different. | product
product.removed | A product no longer exists there. | product
product.discontinued | A product will not be bought or made again. | product
stock_item.changed | A stocked thing is new or different. | stock_item
category.changed | A category is new or different. | category
category.removed | A category no longer exists. | category
media.changed | A picture, film or document is new or different. | media
bundle.changed | What is in a bundle is new or different. | bundle
offer.changed | A listing is new or different. | offer
offer.published | A channel shows a listing. | offer
offer.rejected | A channel refuses a listing and says why. | offer
offer.ended | A listing is no longer shown. | offer
price_list.changed | A price list is new or different. | price_list
price.changed | A price is new, different, or will be from a stated moment. | price
promotion.changed | A promotion is new or different. | promotion
promotion.ended | A promotion is over. | promotion
# inventory, authority: system of record of the inventory
inventory.level_changed | Stock of one thing at one place is different. | inventory
inventory.shortfall_detected | More is promised than lies there. | inventory
inventory_movement.recorded | Stock moved. | inventory
stock_count.completed | Somebody has counted. | location
lot.changed | A lot is new or different. | lot
lot.recalled | A lot must not be sold any more. | lot
location.changed | A place is new or different. | location
transfer.requested | Stock shall move between two places. | transfer
transfer.shipped | Stock has left for another place. | transfer
transfer.received | Stock has arrived from another place. | transfer
transfer.cancelled | Stock shall not move after all. | transfer
purchase_order.placed | We have ordered from a supplier. | purchase_order
purchase_order.changed | The supplier has answered, or we have changed our mind. | purchase_order
purchase_order.closed | Nothing more is expected. | purchase_order
inbound_shipment.announced | Goods are on their way to us. | inbound_shipment
inbound_shipment.arrived | Goods stand at the gate. | inbound_shipment
goods_receipt.recorded | Goods have been taken in. | goods_receipt
# reservation, authority: Crossdock
reservation.requested | Somebody asks to set stock aside. | reservation
reservation.confirmed | Stock is set aside. | reservation
reservation.rejected | Stock cannot be set aside. | reservation
reservation.released | Stock is free again. | reservation
reservation.expired | Nobody came in time: stock is free again. | reservation
availability.calculated | What a channel may promise is different. | availability
availability.published | A channel has confirmed what it may promise. | availability
availability.publish_failed | A channel could not be told what it may promise. | availability
# order, authority: the channel until `order.accepted`, then the executing system
order.placed | A customer has bought. | order
order.updated | An order is different in some way. | order
order.paid | An order is paid in full. | order
order.cancelled | An order is cancelled as a whole. | order
order.submitted | The executing system has been given an order. | order
order.validated | All checks of an order have passed. | order
order.held | An order must wait. | order
order.released | An order may go on. | order
order.accepted | The executing system has taken an order. | order
order.edited | What was bought has been changed. | order
order.cancel_requested | Somebody asks to cancel an order. | order
order.closed | Nothing more is to be done for an order. | order
hold.placed | A reason to wait has come up. | order
hold.released | A reason to wait is gone. | order
order_edit.requested | Somebody asks to change what was bought. | order
order_edit.applied | What was bought has been changed. | order
order_edit.rejected | What was bought stays as it is. | order
cancellation.requested | Somebody asks to cancel. | order
cancellation.accepted | The executing system has cancelled. | order
cancellation.rejected | It is too late to cancel. | order
# payment, authority: the payment service
payment.authorised | A customer's bank has promised money. | payment
payment.captured | Money has been taken. | payment
payment.failed | Money could not be taken. | payment
payment.voided | A promise of money has been let go. | payment
payment.refunded | Money has been given back. | payment
payment.disputed | A customer's bank calls money back. | payment
payment_transaction.recorded | The payment service has done or tried something. | payment
refund.pending | Money shall be given back: a promise, not to be booked. | refund
refund.succeeded | Money has been given back: to be booked. | refund
refund.failed | Money could not be given back. | refund
gift_card.issued | A gift card has been issued: a liability. | gift_card
gift_card.changed | A gift card's balance or state is different. | gift_card
dispute.opened | A dispute has begun. | dispute
dispute.changed | A dispute has moved. | dispute
dispute.closed | A dispute is decided. | dispute
# fulfillment, authority: the warehouse
fulfillment_order.requested | A place is asked to ship. | order
fulfillment_order.accepted | A place has agreed to ship. | order
fulfillment_order.rejected | A place has refused to ship. | order
fulfillment_order.allocated | Stock is set aside for a shipment. | order
fulfillment_order.picked | Goods are off the shelf. | order
fulfillment_order.packed | Goods are in parcels. | order
fulfillment_order.cancelled | A place need not ship after all. | order
fulfillment.shipped | Goods have left. | order
fulfillment.updated | A shipment is different, its tracking for instance. | order
fulfillment.cancelled | Goods have not left after all. | order
fulfillment.delivered | Goods have arrived. | order
fulfillment.failed | Goods could not be delivered. | order
package.tracked | The carrier has said something about a parcel. | order
promise.made | A customer was told when goods will come. | order
promise.changed | A customer was told otherwise. | order
# return, authority: the channel until received, then the warehouse
return.requested | A customer wants to give goods back. | return
return.authorised | We have agreed to take goods back. | return
return.declined | We have refused to take goods back. | return
return.in_transit | Goods are on their way back. | return
return.received | Goods have come back. | return
return.inspected | Returned goods have been judged. | return
return.cancelled | A customer keeps the goods after all. | return
return.closed | Nothing more is to be done for a return. | return
return_receipt.recorded | Returned goods have been taken in and judged. | return
exchange.opened | Goods shall be exchanged. | exchange
exchange.closed | Goods have been exchanged. | exchange
# finance, authority: the ERP for documents, the sender for statements
invoice.posted | An invoice has entered the books. | invoice
invoice.cancelled | An invoice has been reversed. | invoice
credit_note.posted | A credit note has entered the books. | credit_note
settlement.closed | A statement is complete. | settlement
settlement.matched | Every line of a statement has found its booking. | settlement
settlement_line.recorded | A statement has one more line. | settlement
payout.initiated | Money is on its way to the merchant's bank. | payout
payout.received | Money is on the merchant's account. | payout
payout.failed | Money did not arrive. | payout
# customer, authority: system of record of the customers
customer.changed | A customer is new or different. | customer
customer.merged | A customer is now part of another. | customer
customer.consent_changed | A customer has allowed or forbidden something. | customer
customer.erased | A customer's data has been erased on request. | customer
organization.changed | An organisation is new or different. | organization
# control, authority: Crossdock
channel.changed | A place to sell is new or different. | channel
connection.health_changed | A connection is doing better or worse. | connection
identity_link.made | Two systems' names for one thing are tied together. | identity_link
identity_link.ended | Two systems' names mean different things after all. | identity_link
exception.opened | A person must settle something. | exception
exception.assigned | Somebody looks after it. | exception
exception.resolved | It is settled. | exception
reconciliation_run.completed | Two systems have been compared. | reconciliation_run
difference.found | Two systems disagree on something. | difference
difference.resolved | Two systems agree again. | difference
drift.found | A connection sent a field that it never sent before. | drift
ownership_rule.changed | Whose word is final is different. | ownership_rule
partner.changed | What a partner may do is different. | partner
schema.published | A version of a schema is released. | schema
schema.deprecated | A version of a schema will end. | schema
cutover.stage_changed | The move of a domain has gone on, or back. | cutover
"""


def _read(table: str) -> dict[str, EventType]:
    found: dict[str, EventType] = {}
    authority = ""
    for row in table.strip().splitlines():
        if row.startswith("#"):
            authority = row.partition("authority: ")[2]
            continue
        name, meaning, key = (cell.strip() for cell in row.split("|"))
        found[name] = EventType(name, meaning, key, authority)
    return found


EVENTS: dict[str, EventType] = _read(_TABLE)
"""Every event by its name."""
