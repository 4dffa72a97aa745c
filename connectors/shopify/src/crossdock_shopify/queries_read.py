"""The GraphQL documents by which we read: lists of what changed, and details by id.

Page sizes are literal: a document may ask for at most 1,000 points, and a connection costs its
size times what it holds. Whatever has more than one page is read on by a document of its own.
Details are asked for by id, several at a time, so that one reading serves the sweep, a webhook
that names ids only, a snapshot and a test alike.
"""

_SHOP_MONEY = "{ shopMoney { amount currencyCode } }"
_BOTH_MONEYS = "{ shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }"
_PAGE = "pageInfo { hasNextPage endCursor }"
_ADDRESS = (
    "{ name firstName lastName company address1 address2 zip city province provinceCode "
    "countryCodeV2 phone }"
)
_TAXES = f"taxLines {{ title rate channelLiable priceSet {_SHOP_MONEY} }}"
_DISCOUNTS = (
    f"discountAllocations {{ allocatedAmountSet {_SHOP_MONEY} discountApplication {{ index }} }}"
)
_LINE = f"""
        id sku name title quantity currentQuantity requiresShipping isGiftCard vendor
        variantTitle fulfillmentService {{ handle }}
        product {{ id }} variant {{ id }}
        customAttributes {{ key value }}
        originalUnitPriceSet {_SHOP_MONEY}
        {_DISCOUNTS}
        taxLines(first: 4) {{ title rate channelLiable priceSet {_SHOP_MONEY} }}
"""
_ORDER = f"""
      __typename id name createdAt updatedAt processedAt cancelledAt cancelReason closedAt
      currencyCode presentmentCurrencyCode taxesIncluded taxExempt test note email phone tags
      sourceName sourceIdentifier customerLocale confirmationNumber poNumber
      paymentGatewayNames discountCodes displayFinancialStatus displayFulfillmentStatus
      cancellation {{ staffNote }}
      customAttributes {{ key value }}
      subtotalPriceSet {_BOTH_MONEYS}
      totalDiscountsSet {_BOTH_MONEYS}
      totalShippingPriceSet {_BOTH_MONEYS}
      totalTaxSet {_BOTH_MONEYS}
      totalPriceSet {_BOTH_MONEYS}
      currentTotalPriceSet {_SHOP_MONEY}
      totalOutstandingSet {_SHOP_MONEY}
      totalTipReceivedSet {_SHOP_MONEY}
      {_TAXES}
      billingAddress {_ADDRESS}
      shippingAddress {_ADDRESS}
      customer {{ id firstName lastName defaultPhoneNumber {{ phoneNumber }} }}
"""
_APPLICATIONS = """
        index
        ... on DiscountCodeApplication { code }
        ... on ManualDiscountApplication { title description }
        ... on AutomaticDiscountApplication { title }
        ... on ScriptDiscountApplication { title }
"""
_SHIPPING = f"""
        id title code isRemoved originalPriceSet {_SHOP_MONEY} {_DISCOUNTS} {_TAXES}
"""

ORDER = f"""
      __typename id name createdAt updatedAt processedAt cancelledAt cancelReason closedAt
      currencyCode presentmentCurrencyCode taxesIncluded taxExempt test note email phone tags
      sourceName sourceIdentifier customerLocale confirmationNumber poNumber
      paymentGatewayNames discountCodes displayFinancialStatus displayFulfillmentStatus
      cancellation {{ staffNote }}
      customAttributes {{ key value }}
      subtotalPriceSet {_BOTH_MONEYS}
      totalDiscountsSet {_BOTH_MONEYS}
      totalShippingPriceSet {_BOTH_MONEYS}
      totalTaxSet {_BOTH_MONEYS}
      totalPriceSet {_BOTH_MONEYS}
      currentTotalPriceSet {_SHOP_MONEY}
      totalOutstandingSet {_SHOP_MONEY}
      totalTipReceivedSet {_SHOP_MONEY}
      {_TAXES}
      billingAddress {_ADDRESS}
      shippingAddress {_ADDRESS}
      customer {{ id firstName lastName defaultPhoneNumber {{ phoneNumber }} }}
"""
_APPLICATIONS = """
        index
        ... on DiscountCodeApplication { code }
        ... on ManualDiscountApplication { title description }
        ... on AutomaticDiscountApplication { title }
        ... on ScriptDiscountApplication { title }
"""
_SHIPPING = f"""
        id title code isRemoved originalPriceSet {_SHOP_MONEY} {_DISCOUNTS} {_TAXES}
"""

ORDERS_CHANGED = f"""
query CrossdockOrdersChanged($query: String!, $after: String) {{
  orders(first: 100, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{ id updatedAt }}
    {_PAGE}
  }}
}}
"""

ORDER = f"""
query CrossdockOrder($id: ID!) {{
  order(id: $id) {{{_ORDER}
      lineItems(first: 25) {{ nodes {{{_LINE}}} {_PAGE} }}
      shippingLines(first: 8, includeRemovals: true) {{ nodes {{{_SHIPPING}}} }}
      discountApplications(first: 20) {{ nodes {{{_APPLICATIONS}}} {_PAGE} }}
      fulfillments(first: 100) {{ id }}
      refunds(first: 100) {{ id }}
  }}
}}
"""

ORDER_LINES = f"""
query CrossdockOrderLines($id: ID!, $after: String) {{
  order(id: $id) {{
    lineItems(first: 40, after: $after) {{ nodes {{{_LINE}}} {_PAGE} }}
  }}
}}
"""

ORDER_DISCOUNTS = f"""
query CrossdockOrderDiscounts($id: ID!, $after: String) {{
  order(id: $id) {{
    discountApplications(first: 100, after: $after) {{ nodes {{{_APPLICATIONS}}} {_PAGE} }}
  }}
}}
"""

_FULFILLMENT_LINES = f"nodes {{ quantity lineItem {{ id sku }} }} {_PAGE}"
FULFILLMENTS_BY_ID = f"""
query CrossdockFulfillmentsById($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Fulfillment {{
      __typename id name status displayStatus createdAt updatedAt deliveredAt
      order {{ id }}
      location {{ id }}
      service {{ serviceName }}
      trackingInfo(first: 50) {{ number company url }}
      fulfillmentLineItems(first: 100) {{ {_FULFILLMENT_LINES} }}
      events(first: 50, sortKey: HAPPENED_AT) {{
        nodes {{ status happenedAt message city province country }}
      }}
    }}
  }}
}}
"""

FULFILLMENT_LINES_ON = f"""
query CrossdockFulfillmentLinesOn($id: ID!, $after: String) {{
  fulfillment(id: $id) {{
    fulfillmentLineItems(first: 200, after: $after) {{ {_FULFILLMENT_LINES} }}
  }}
}}
"""

_REFUND_LINES = f"""
        nodes {{
          quantity restockType lineItem {{ id sku }} location {{ id }}
          subtotalSet {_BOTH_MONEYS} totalTaxSet {_BOTH_MONEYS}
        }}
        {_PAGE}
"""
REFUNDS_BY_ID = f"""
query CrossdockRefundsById($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Refund {{
      __typename id note createdAt
      order {{ id }}
      return {{ id }}
      refundLineItems(first: 50) {{{_REFUND_LINES}}}
      refundShippingLines(first: 5) {{
        nodes {{ id subtotalAmountSet {_BOTH_MONEYS} taxAmountSet {_BOTH_MONEYS} }}
      }}
      transactions(first: 20) {{
        nodes {{ id kind status gateway createdAt errorCode amountSet {_BOTH_MONEYS} }}
      }}
    }}
  }}
}}
"""

REFUND_LINES_ON = f"""
query CrossdockRefundLinesOn($id: ID!, $after: String) {{
  refund(id: $id) {{ refundLineItems(first: 80, after: $after) {{{_REFUND_LINES}}} }}
}}
"""

_FULFILLMENT_ORDER_LINES = f"""
        nodes {{ id totalQuantity remainingQuantity sku lineItem {{ id }} }}
        {_PAGE}
"""
FULFILLMENT_ORDERS_CHANGED = f"""
query CrossdockFulfillmentOrdersChanged($query: String!, $after: String) {{
  fulfillmentOrders(
    first: 100, after: $after, query: $query, sortKey: UPDATED_AT, includeClosed: true
  ) {{
    nodes {{ id updatedAt }}
    {_PAGE}
  }}
}}
"""

FULFILLMENT_ORDERS_BY_ID = f"""
query CrossdockFulfillmentOrdersById($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on FulfillmentOrder {{
      __typename id status requestStatus createdAt updatedAt fulfillAt fulfillBy orderId orderName
      assignedLocation {{ name location {{ id }} }}
      deliveryMethod {{ methodType serviceCode presentedName }}
      destination {{
        firstName lastName company address1 address2 zip city province countryCode phone email
      }}
      fulfillmentHolds {{ id reason reasonNotes displayReason }}
      lineItems(first: 100) {{{_FULFILLMENT_ORDER_LINES}}}
    }}
  }}
}}
"""

FULFILLMENT_ORDER_LINES_ON = f"""
query CrossdockFulfillmentOrderLinesOn($id: ID!, $after: String) {{
  fulfillmentOrder(id: $id) {{
    lineItems(first: 200, after: $after) {{{_FULFILLMENT_ORDER_LINES}}}
  }}
}}
"""

ORDER_RETURNS = f"""
query CrossdockOrderReturns($id: ID!, $after: String) {{
  order(id: $id) {{
    id
    returns(first: 50, after: $after) {{ nodes {{ id }} {_PAGE} }}
  }}
}}
"""

REVERSE_ORDER_OF = """
query CrossdockReverseOrderOf($id: ID!) {
  reverseFulfillmentOrder(id: $id) { id order { id } }
}
"""

_RETURN_LINES = f"""
        nodes {{
          id quantity returnReason returnReasonNote customerNote
          ... on ReturnLineItem {{ fulfillmentLineItem {{ lineItem {{ id sku }} }} }}
        }}
        {_PAGE}
"""
_REVERSE_LINES = f"""
            nodes {{
              id totalQuantity
              fulfillmentLineItem {{ lineItem {{ id sku }} }}
              dispositions {{ id type quantity createdAt location {{ id }} }}
            }}
            {_PAGE}
"""
RETURN = f"""
query CrossdockReturn($id: ID!) {{
  return(id: $id) {{
      __typename id name status createdAt requestApprovedAt closedAt totalQuantity
      order {{ id updatedAt }}
      decline {{ note reason }}
      returnLineItems(first: 50) {{{_RETURN_LINES}}}
      reverseFulfillmentOrders(first: 3) {{
        nodes {{
          id status
          lineItems(first: 20) {{{_REVERSE_LINES}}}
          reverseDeliveries(first: 10) {{
            nodes {{
              id
              deliverable {{
                ... on ReverseDeliveryShippingDeliverable {{
                  tracking {{ number carrierName url }}
                }}
              }}
            }}
          }}
        }}
        {_PAGE}
      }}
  }}
}}
"""

RETURN_LINES_ON = f"""
query CrossdockReturnLinesOn($id: ID!, $after: String) {{
  return(id: $id) {{ returnLineItems(first: 100, after: $after) {{{_RETURN_LINES}}} }}
}}
"""

REVERSE_ORDERS_ON = f"""
query CrossdockReverseOrdersOn($id: ID!, $after: String) {{
  return(id: $id) {{
    reverseFulfillmentOrders(first: 4, after: $after) {{
      nodes {{ id status lineItems(first: 20) {{{_REVERSE_LINES}}} }}
      {_PAGE}
    }}
  }}
}}
"""

REVERSE_LINES_ON = f"""
query CrossdockReverseLinesOn($id: ID!, $after: String) {{
  reverseFulfillmentOrder(id: $id) {{
    lineItems(first: 60, after: $after) {{{_REVERSE_LINES}}}
  }}
}}
"""

_LEVEL = """
      __typename id updatedAt
      location { id }
      item { id sku tracked }
      quantities(names: [
        "available", "on_hand", "committed", "reserved", "damaged", "safety_stock",
        "quality_control", "incoming"
      ]) { name quantity }
"""
LEVELS_CHANGED = f"""
query CrossdockLevelsChanged($location: ID!, $query: String, $after: String) {{
  location(id: $location) {{
    id
    inventoryLevels(first: 70, after: $after, query: $query) {{
      nodes {{{_LEVEL}}}
      {_PAGE}
    }}
  }}
}}
"""

LEVELS_BY_ID = f"""
query CrossdockLevelsById($ids: [ID!]!) {{
  nodes(ids: $ids) {{ ... on InventoryLevel {{{_LEVEL}}} }}
}}
"""

_VARIANT = """
        id sku barcode title price compareAtPrice position
        selectedOptions { name value }
        inventoryItem { id tracked }
"""
_PRODUCT = """
      __typename id title handle descriptionHtml vendor productType status tags createdAt
      updatedAt
      options(first: 3) { name position }
"""
PRODUCTS_CHANGED = f"""
query CrossdockProductsChanged($query: String!, $after: String) {{
  products(first: 100, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{ id updatedAt }}
    {_PAGE}
  }}
}}
"""

PRODUCT = f"""
query CrossdockProduct($id: ID!) {{
  product(id: $id) {{{_PRODUCT}
      variants(first: 100, sortKey: POSITION) {{ nodes {{{_VARIANT}}} {_PAGE} }}
  }}
}}
"""

PRODUCT_VARIANTS_ON = f"""
query CrossdockProductVariantsOn($id: ID!, $after: String) {{
  product(id: $id) {{
    variants(first: 150, after: $after, sortKey: POSITION) {{ nodes {{{_VARIANT}}} {_PAGE} }}
  }}
}}
"""

_CUSTOMER = f"""
      __typename id firstName lastName note tags taxExempt createdAt updatedAt
      defaultEmailAddress {{ emailAddress marketingState marketingUpdatedAt }}
      defaultPhoneNumber {{ phoneNumber }}
      defaultAddress {{ id }}
      addressesV2(first: 20) {{
        nodes {{
          id name firstName lastName company address1 address2 zip city province provinceCode
          countryCodeV2 phone
        }}
        {_PAGE}
      }}
"""
CUSTOMERS_CHANGED = f"""
query CrossdockCustomersChanged($query: String!, $after: String) {{
  customers(first: 30, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{{_CUSTOMER}}}
    {_PAGE}
  }}
}}
"""

CUSTOMERS_BY_ID = f"""
query CrossdockCustomersById($ids: [ID!]!) {{
  nodes(ids: $ids) {{ ... on Customer {{{_CUSTOMER}}} }}
}}
"""

SUBSCRIPTIONS = f"""
query CrossdockSubscriptions($after: String) {{
  webhookSubscriptions(first: 200, after: $after) {{
    nodes {{ id topic uri format }}
    {_PAGE}
  }}
}}
"""

ACCESS_SCOPES = """
query CrossdockAccessScopes {
  currentAppInstallation { accessScopes { handle } }
}
"""

VERSIONS_SERVED = """
query CrossdockVersionsServed {
  publicApiVersions { handle displayName supported }
}
"""

BULK_NOW = """
query CrossdockBulkNow {
  currentBulkOperation(type: QUERY) {
    id status errorCode createdAt completedAt objectCount url partialDataUrl query
  }
}
"""

BULK_BY_ID = """
query CrossdockBulkById($id: ID!) {
  node(id: $id) {
    ... on BulkOperation {
      id status errorCode createdAt completedAt objectCount url partialDataUrl query
    }
  }
}
"""


def bulk_orders(since: str, until: str) -> str:
    """The query of a bulk operation: every order of a period with all that needs no list inside.

    In bulk, connections need no page size, may be nested two deep, and may not stand inside a
    list: so fulfilments and refunds are only named here, and read by id where there are any
    (https://shopify.dev/docs/api/usage/bulk-operations/queries).
    """
    return f"""
query CrossdockBulkOrders {{
  orders(query: "created_at:>='{since}' AND created_at:<'{until}'", sortKey: CREATED_AT) {{
    edges {{ node {{{_ORDER}
      lineItems {{ edges {{ node {{ __typename {_LINE}}} }} }}
      shippingLines(includeRemovals: true) {{ edges {{ node {{ __typename {_SHIPPING}}} }} }}
      discountApplications {{ edges {{ node {{ __typename {_APPLICATIONS}}} }} }}
      fulfillments(first: 100) {{ id }}
      refunds(first: 100) {{ id }}
    }} }}
  }}
}}
"""
