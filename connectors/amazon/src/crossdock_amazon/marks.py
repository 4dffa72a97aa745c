"""Marks that we leave at Amazon, and records of our own."""

import hashlib

START = "start"
"""The record that says that reading begins."""


def package_reference(entity_id: str) -> str:
    """Our number of a package: the same for every try, and numeric, for Amazon takes no other.

    Source: `PackageReferenceId` in models/orders-api-model/ordersV0.json, "Only positive numeric
    values are supported".
    """
    digest = hashlib.sha256(entity_id.encode("utf-8", "surrogatepass")).digest()
    return str(1 + int.from_bytes(digest[:6], "big") % 10**9)
