"""The documents we send. Named, so that logs and the sandbox can tell them apart."""

_ADDRESS = (
    "fullName company streetLine1 streetLine2 city province postalCode countryCode phoneNumber"
)
_ORDER = f"""
  id code state orderPlacedAt updatedAt currencyCode totalWithTax subTotal shipping couponCodes
  taxSummary {{ description taxRate taxBase taxTotal }}
  customer {{ id emailAddress firstName lastName phoneNumber }}
  shippingAddress {{ {_ADDRESS} }}
  billingAddress {{ {_ADDRESS} }}
  shippingLines {{ id price discountedPrice discountedPriceWithTax shippingMethod {{ code name }} }}
  lines {{
    id quantity orderPlacedQuantity unitPrice linePrice proratedLinePrice lineTax
    taxRate productVariant {{ id sku name }}
  }}
  payments {{
    id method amount state transactionId updatedAt
    refunds {{ id total state reason transactionId createdAt updatedAt }}
  }}
  fulfillments {{ id state method trackingCode updatedAt lines {{ orderLineId quantity }} }}
"""
ORDERS = f"""query Orders($options: OrderListOptions) {{
  orders(options: $options) {{ items {{ {_ORDER} }} totalItems }}
}}"""
ORDER = f"query Order($id: ID!) {{ order(id: $id) {{ {_ORDER} }} }}"
LOGIN = """mutation Login($username: String!, $password: String!) {
  login(username: $username, password: $password) {
    __typename ... on CurrentUser { identifier } ... on ErrorResult { errorCode message }
  }
}"""
ME = "query Me { me { identifier } activeChannel { code } }"
FULFIL = """mutation Fulfil($input: FulfillOrderInput!) {
  addFulfillmentToOrder(input: $input) {
    __typename ... on Fulfillment { id state } ... on ErrorResult { errorCode message }
  }
}"""
MOVE_ON = """mutation MoveOn($id: ID!, $state: String!) {
  transitionFulfillmentToState(id: $id, state: $state) {
    __typename ... on Fulfillment { id state } ... on ErrorResult { errorCode message }
  }
}"""
REFUND = """mutation Refund($input: RefundOrderInput!) {
  refundOrder(input: $input) {
    __typename ... on Refund { id state } ... on ErrorResult { errorCode message }
  }
}"""
SETTLE = """mutation Settle($input: SettleRefundInput!) {
  settleRefund(input: $input) {
    __typename ... on Refund { id state } ... on ErrorResult { errorCode message }
  }
}"""
VARIANT = """query Variant($sku: String!) {
  productVariants(options: {filter: {sku: {eq: $sku}}}) {
    items { id sku stockLevels { stockLocationId stockOnHand stockAllocated } }
  }
}"""
STOCK = """mutation Stock($input: [UpdateProductVariantInput!]!) {
  updateProductVariants(input: $input) { id }
}"""
