"""What Amazon allows: permits a second and at once, for each operation that is used.

Source: the "Usage Plan" in each operation's description, amzn/selling-partner-api-models at
34dc93fe45f3 (vendor/rates.json; a test holds this table to it). Each is a token bucket of its own
by account and application; `x-amzn-RateLimit-Limit` tells the rate in force.
"""

from crossdock.rates import Limit

LIMITS: dict[str, Limit] = {
    operation: Limit(capacity=burst, rate_per_s=rate)
    for operation, rate, burst in (
        ("orders_2026-01-01.searchOrders", 0.0056, 20),
        ("orders_2026-01-01.getOrder", 0.5, 30),
        ("ordersV0.getOrders", 0.0167, 20),
        ("ordersV0.getOrderItems", 0.5, 30),
        ("ordersV0.getOrderAddress", 0.5, 30),
        ("ordersV0.getOrderBuyerInfo", 0.5, 30),
        ("ordersV0.confirmShipment", 2.0, 10),
        ("listingsItems_2021-08-01.getListingsItem", 5.0, 10),
        ("listingsItems_2021-08-01.patchListingsItem", 5.0, 5),
        ("listingsItems_2021-08-01.searchListingsItems", 5.0, 5),
        ("fbaInventory.getInventorySummaries", 2.0, 2),
        ("finances_2024-06-19.listTransactions", 0.5, 10),
        ("financesV0.listFinancialEventGroups", 0.5, 30),
        ("tokens_2021-03-01.createRestrictedDataToken", 1.0, 10),
        ("sellers.getMarketplaceParticipations", 0.016, 15),
    )
}
"""By operation, as `<model>.<operationId>`; these are the names of the buckets too."""
