"""The GraphQL documents by which we change things, and those that look before they do.

Every mutation asks for `userErrors`. Where Shopify takes an idempotency key, `$key` is the last
variable: `versions.fitted` takes it out for versions that know none.
"""

_SHOP_MONEY = "{ shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }"
_PAGE = "pageInfo { hasNextPage endCursor }"
_ERRORS = "userErrors { field message }"
_CODED = "userErrors { code field message }"

TRACKING_UPDATE = f"""
mutation CrossdockTrackingUpdate(
  $id: ID!, $tracking: FulfillmentTrackingInput!, $notify: Boolean
) {{
  fulfillmentTrackingInfoUpdate(
    fulfillmentId: $id, trackingInfoInput: $tracking, notifyCustomer: $notify
  ) {{
    fulfillment {{ id status trackingInfo(first: 50) {{ number company url }} }}
    {_ERRORS}
  }}
}}
"""

FULFILLMENT_CANCEL = f"""
mutation CrossdockFulfillmentCancel($id: ID!) {{
  fulfillmentCancel(id: $id) {{
    fulfillment {{ id status }}
    {_ERRORS}
  }}
}}
"""

ORDER_MONEY = f"""
query CrossdockOrderMoney($id: ID!) {{
  order(id: $id) {{
    id name currencyCode presentmentCurrencyCode cancelledAt
    transactions(first: 50) {{
      id kind status gateway amountSet {_SHOP_MONEY} parentTransaction {{ id }}
    }}
    refunds(first: 100) {{ id note }}
  }}
}}
"""

REFUND_CREATE = f"""
mutation CrossdockRefundCreate($input: RefundInput!, $key: String!) {{
  refundCreate(input: $input) @idempotent(key: $key) {{
    refund {{ id totalRefundedSet {_SHOP_MONEY} }}
    {_ERRORS}
  }}
}}
"""

RETURNABLE = f"""
query CrossdockReturnable($id: ID!, $after: String) {{
  returnableFulfillments(orderId: $id, first: 4, after: $after) {{
    nodes {{
      id
      returnableFulfillmentLineItems(first: 50) {{
        nodes {{ quantity fulfillmentLineItem {{ id lineItem {{ id }} }} }}
        {_PAGE}
      }}
    }}
    {_PAGE}
  }}
}}
"""

ORDER_RETURN_NOTES = f"""
query CrossdockOrderReturnNotes($id: ID!, $after: String) {{
  order(id: $id) {{
    id name
    returns(first: 20, after: $after) {{
      nodes {{
        id name status
        returnLineItems(first: 10) {{ nodes {{ id returnReasonNote }} }}
      }}
      {_PAGE}
    }}
  }}
}}
"""

RETURN_CREATE = f"""
mutation CrossdockReturnCreate($input: ReturnInput!) {{
  returnCreate(returnInput: $input) {{
    return {{ id name status }}
    {_CODED}
  }}
}}
"""

RETURN_STATUS = """
query CrossdockReturnStatus($id: ID!) {
  return(id: $id) { id name status }
}
"""

RETURN_CANCEL = f"""
mutation CrossdockReturnCancel($id: ID!, $notify: Boolean) {{
  returnCancel(id: $id, notifyCustomer: $notify) {{
    return {{ id status }}
    {_CODED}
  }}
}}
"""

RETURN_DECLINE = f"""
mutation CrossdockReturnDecline($input: ReturnDeclineRequestInput!) {{
  returnDeclineRequest(input: $input) {{
    return {{ id status }}
    {_CODED}
  }}
}}
"""

DISPOSE = f"""
mutation CrossdockDispose($inputs: [ReverseFulfillmentOrderDisposeInput!]!) {{
  reverseFulfillmentOrderDispose(dispositionInputs: $inputs) {{
    reverseFulfillmentOrderLineItems {{ id }}
    {_CODED}
  }}
}}
"""

ORDER_STATE = """
query CrossdockOrderState($id: ID!) {
  order(id: $id) {
    id name cancelledAt cancelReason note email phone poNumber tags updatedAt
    cancellation { staffNote }
    shippingAddress {
      firstName lastName company address1 address2 zip city provinceCode countryCodeV2 phone
    }
    lineItems(first: 250) {
      nodes { id quantity currentQuantity }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

ORDER_CANCEL = """
mutation CrossdockOrderCancel(
  $id: ID!, $reason: OrderCancelReason!, $refund: OrderCancelRefundMethodInput,
  $restock: Boolean!, $note: String, $notify: Boolean
) {
  orderCancel(
    orderId: $id, reason: $reason, refundMethod: $refund, restock: $restock, staffNote: $note,
    notifyCustomer: $notify
  ) {
    job { id done }
    orderCancelUserErrors { code field message }
  }
}
"""

ORDER_UPDATE = f"""
mutation CrossdockOrderUpdate($input: OrderInput!) {{
  orderUpdate(input: $input) {{
    order {{ id updatedAt }}
    {_ERRORS}
  }}
}}
"""

HOLD = f"""
mutation CrossdockHold($id: ID!, $hold: FulfillmentOrderHoldInput!) {{
  fulfillmentOrderHold(id: $id, fulfillmentHold: $hold) {{
    fulfillmentHold {{ id handle }}
    {_CODED}
  }}
}}
"""

HOLDS = f"""
query CrossdockHolds($id: ID!, $after: String) {{
  order(id: $id) {{
    id name
    fulfillmentOrders(first: 40, after: $after) {{
      nodes {{ id status fulfillmentHolds {{ id handle reason }} }}
      {_PAGE}
    }}
  }}
}}
"""

RELEASE_HOLD = f"""
mutation CrossdockReleaseHold($id: ID!, $holds: [ID!]) {{
  fulfillmentOrderReleaseHold(id: $id, holdIds: $holds) {{
    fulfillmentOrder {{ id status }}
    {_CODED}
  }}
}}
"""

_VARIANT = """
        id sku barcode price compareAtPrice
        selectedOptions { name value }
        inventoryItem { id tracked requiresShipping measurement { weight { unit value } } }
"""
_PRODUCT = f"""
    id title handle descriptionHtml vendor productType status tags updatedAt
    options(first: 3) {{ id name }}
    variants(first: 100, sortKey: POSITION) {{ nodes {{{_VARIANT}}} {_PAGE} }}
"""
PRODUCT_STATE = f"""
query CrossdockProductState($id: ID!) {{
  product(id: $id) {{{_PRODUCT}}}
}}
"""

PRODUCT_STATE_ON = f"""
query CrossdockProductStateOn($id: ID!, $after: String) {{
  product(id: $id) {{
    variants(first: 150, after: $after, sortKey: POSITION) {{ nodes {{{_VARIANT}}} {_PAGE} }}
  }}
}}
"""

PRODUCT_BY_HANDLE = f"""
query CrossdockProductByHandle($handle: String!) {{
  productByIdentifier(identifier: {{ handle: $handle }}) {{{_PRODUCT}}}
}}
"""

VARIANTS_OF_SKU = f"""
query CrossdockVariantsOfSku($query: String!, $after: String) {{
  productVariants(first: 25, query: $query, after: $after) {{
    nodes {{ id sku price compareAtPrice product {{ id status }} }}
    {_PAGE}
  }}
}}
"""

PRODUCT_SET = f"""
mutation CrossdockProductSet($input: ProductSetInput!, $identifier: ProductSetIdentifiers) {{
  productSet(input: $input, identifier: $identifier, synchronous: true) {{
    product {{ id updatedAt }}
    {_CODED}
  }}
}}
"""

PRODUCT_UPDATE = f"""
mutation CrossdockProductUpdate($product: ProductUpdateInput!) {{
  productUpdate(product: $product) {{
    product {{ id updatedAt }}
    {_ERRORS}
  }}
}}
"""

VARIANTS_UPDATE = f"""
mutation CrossdockVariantsUpdate($id: ID!, $variants: [ProductVariantsBulkInput!]!) {{
  productVariantsBulkUpdate(productId: $id, variants: $variants) {{
    product {{ id updatedAt }}
    productVariants {{ id }}
    {_CODED}
  }}
}}
"""

VARIANTS_CREATE = f"""
mutation CrossdockVariantsCreate($id: ID!, $variants: [ProductVariantsBulkInput!]!) {{
  productVariantsBulkCreate(productId: $id, variants: $variants) {{
    product {{ id updatedAt }}
    productVariants {{ id sku }}
    {_CODED}
  }}
}}
"""

SUBSCRIBE = f"""
mutation CrossdockSubscribe($topic: WebhookSubscriptionTopic!, $uri: String!) {{
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {{ uri: $uri, format: JSON }}) {{
    webhookSubscription {{ id topic }}
    {_ERRORS}
  }}
}}
"""

BULK_RUN = f"""
mutation CrossdockBulkRun($query: String!) {{
  bulkOperationRunQuery(query: $query, groupObjects: true) {{
    bulkOperation {{ id status }}
    {_CODED}
  }}
}}
"""
