"""Customers and staff of a real Vendure, by its Admin API."""

from dataclasses import dataclass
from typing import Any

from crossdock.http import Http
from crossdock_vendure.client import Vendure

PRODUCT = """mutation P($input: CreateProductInput!) { createProduct(input: $input) { id } }"""
VARIANTS = """mutation V($input: [CreateProductVariantInput!]!) {
  createProductVariants(input: $input) { id }
}"""
DRAFT = "mutation D { createDraftOrder { id } }"
ADD = """mutation A($id: ID!, $input: AddItemToDraftOrderInput!) {
  addItemToDraftOrder(orderId: $id, input: $input) {
    __typename ... on Order { id } ... on ErrorResult { errorCode message } } }"""
WHO = """mutation W($id: ID!, $input: CreateCustomerInput!) {
  setCustomerForDraftOrder(orderId: $id, input: $input) {
    __typename ... on ErrorResult { errorCode message } } }"""
WHERE = """mutation H($id: ID!, $input: CreateAddressInput!) {
  setDraftOrderShippingAddress(orderId: $id, input: $input) { id }
  setDraftOrderBillingAddress(orderId: $id, input: $input) { id } }"""
HOWS = "query Q($id: ID!) { eligibleShippingMethodsForDraftOrder(orderId: $id) { id } }"
HOW = """mutation S($id: ID!, $how: ID!) {
  setDraftOrderShippingMethod(orderId: $id, shippingMethodId: $how) {
    __typename ... on ErrorResult { errorCode message } } }"""
MOVE = """mutation M($id: ID!) { transitionOrderToState(id: $id, state: "ArrangingPayment") {
  __typename ... on Order { state }
  ... on OrderStateTransitionError { errorCode transitionError } } }"""
PAY = """mutation Y($id: ID!) {
  addManualPaymentToOrder(
    input: {orderId: $id, method: "dummy", transactionId: "t-1", metadata: {}}
  ) {
    __typename ... on Order { id code state } ... on ErrorResult { errorCode message } } }"""
LEVELS = """query L($sku: String!) { productVariants(options: {filter: {sku: {eq: $sku}}}) {
  items { id stockLevels { stockLocationId stockOnHand stockAllocated } } } }"""


@dataclass(frozen=True)
class Shop:
    """Speaks with the connector's own session."""

    port: Vendure

    @property
    def http(self) -> Http:
        return self.port.http

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data. AssertionError: an ErrorResult or an error."""
        body = {"query": query, "variables": variables}
        told = (await self.http.post("", json=body)).json()
        assert "errors" not in told, told["errors"]
        for answer in told["data"].values():
            assert not (isinstance(answer, dict) and "errorCode" in answer), answer
        return told["data"]

    async def product(self, sku: str, cents: int, on_hand: int) -> str:
        """A thing to sell; its variant's id."""
        words = [{"languageCode": "en", "name": sku, "slug": sku.lower(), "description": ""}]
        made = await self.ask(PRODUCT, input={"translations": words, "enabled": True})
        variant = {
            "productId": made["createProduct"]["id"],
            "translations": [{"languageCode": "en", "name": sku}],
            "sku": sku,
            "price": cents,
            "stockOnHand": on_hand,
            "trackInventory": "TRUE",
        }
        return str((await self.ask(VARIANTS, input=[variant]))["createProductVariants"][0]["id"])

    async def buy(self, variant: str, quantity: int) -> dict[str, str]:
        """A customer buys and pays; the order's id, code and state."""
        number = (await self.ask(DRAFT))["createDraftOrder"]["id"]
        await self.ask(ADD, id=number, input={"productVariantId": variant, "quantity": quantity})
        ann = {"emailAddress": "ann@example.com", "firstName": "Ann", "lastName": "Lee"}
        await self.ask(WHO, id=number, input=ann)
        home = {
            "fullName": "Ann Lee",
            "streetLine1": "1 Main",
            "city": "Austin",
            "province": "TX",
            "postalCode": "78701",
            "countryCode": "US",
        }
        await self.ask(WHERE, id=number, input=home)
        hows = await self.ask(HOWS, id=number)
        how = hows["eligibleShippingMethodsForDraftOrder"][0]["id"]
        await self.ask(HOW, id=number, how=[how][0])
        await self.ask(MOVE, id=number)
        paid = (await self.ask(PAY, id=number))["addManualPaymentToOrder"]
        return {"id": number, "code": paid["code"], "state": paid["state"]}

    async def stock(self, sku: str) -> tuple[int, int]:
        """On hand and allocated."""
        data = await self.ask(LEVELS, sku=sku)
        (level,) = data["productVariants"]["items"][0]["stockLevels"]
        return level["stockOnHand"], level["stockAllocated"]
