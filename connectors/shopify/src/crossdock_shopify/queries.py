"""Every GraphQL document we send. Constants, so that a test can hold each to Shopify's own schema.

Here: those of shipping and stock, and `ALL`; the others are in `queries_read` and `queries_write`.
Page sizes are literal and small: a query may cost at most 1,000 points, and a connection costs its
size times what it holds.
"""

from crossdock_shopify import queries_read, queries_write

PARCELS_SHOWN = 15
"""As in FULFILLMENTS."""

SHOP = """
query CrossdockShop($locations: [ID!]!) {
  shop { name myshopifyDomain currencyCode }
  nodes(ids: $locations) { id ... on Location { name isActive } }
}
"""

FULFILLMENTS = """
query CrossdockFulfillments($id: ID!) {
  order(id: $id) {
    id
    name
    fulfillments(first: 50) { id status trackingInfo(first: 15) { number } }
  }
}
"""

FULFILLMENT_LINES = """
query CrossdockFulfillmentLines($id: ID!, $after: String) {
  fulfillment(id: $id) {
    fulfillmentLineItems(first: 100, after: $after) {
      nodes { quantity lineItem { id } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

FULFILLMENT_ORDERS = """
query CrossdockFulfillmentOrders($id: ID!, $after: String) {
  order(id: $id) {
    id
    name
    cancelledAt
    fulfillmentOrders(first: 5, after: $after) {
      nodes {
        id
        status
        assignedLocation { location { id } }
        lineItems(first: 40) {
          nodes { id remainingQuantity totalQuantity lineItem { id } }
          pageInfo { hasNextPage endCursor }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

FULFILLMENT_ORDER_LINES = """
query CrossdockFulfillmentOrderLines($id: ID!, $after: String) {
  fulfillmentOrder(id: $id) {
    lineItems(first: 100, after: $after) {
      nodes { id remainingQuantity totalQuantity lineItem { id } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

FULFILLMENT_CREATE = """
mutation CrossdockFulfillmentCreate($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id name status }
    userErrors { field message }
  }
}
"""

VARIANTS_BY_SKU = """
query CrossdockVariantsBySku($query: String!, $after: String) {
  productVariants(first: 25, query: $query, after: $after) {
    nodes { sku inventoryItem { id tracked } }
    pageInfo { hasNextPage endCursor }
  }
}
"""

INVENTORY_LEVEL = """
query CrossdockInventoryLevel($item: ID!, $location: ID!) {
  inventoryItem(id: $item) {
    sku
    inventoryLevel(locationId: $location) {
      quantities(names: ["available"]) { name quantity }
    }
  }
}
"""

INVENTORY_SET = """
mutation CrossdockInventorySet($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}
"""

ALL = {
    name: text
    for home in (globals(), vars(queries_read), vars(queries_write))
    for name, text in sorted(home.items())
    if name.isupper() and not name.startswith("_") and isinstance(text, str)
}
"""By name."""
