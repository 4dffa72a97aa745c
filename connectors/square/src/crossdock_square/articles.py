"""Finding an article of Square's by the merchant's SKU."""

from typing import Any

from crossdock import Http, RejectedError
from crossdock.jsontext import shorten
from crossdock.reading import Flag, Required, Shape, Text, TypedDict

from crossdock_square import calls
from crossdock_square.values import Id


class _Data(TypedDict, total=False):
    sku: Text | None
    item_id: Id | None


class Variation(TypedDict, total=False):
    """An article, as far as it is looked for."""

    id: Required[Id]
    is_deleted: Flag | None
    item_variation_data: _Data | None


class _Found(TypedDict, total=False):
    objects: list[Variation]


_FOUND = Shape(_Found)


async def variations(http: Http, sku: str) -> list[Variation]:
    """Those with exactly this SKU; Square's own search also finds parts of it, in any case."""
    query = {"exact_query": {"attribute_name": "sku", "attribute_value": sku}}
    body: dict[str, Any] = {"object_types": ["ITEM_VARIATION"], "query": query}
    found: list[Variation] = []
    async for page in calls.pages(http, "/v2/catalog/search", body):
        for one in _FOUND.of(page, "catalog").get("objects") or []:
            same = (one.get("item_variation_data") or {}).get("sku") == sku
            if same and not one.get("is_deleted"):
                found.append(one)
    return found


async def only(http: Http, sku: str) -> str:
    """Its id. RejectedError: no article of Square's has this SKU, or several have."""
    found = await variations(http, sku) if sku else []
    if len(found) == 1:
        return found[0]["id"]
    if not found:
        raise RejectedError(
            f"no article at Square has the SKU {shorten(sku)}: publish the product there first, "
            "or write the SKU at its variation",
            reason="unknown_sku",
        )
    ids = ", ".join(one["id"] for one in found[:5])
    raise RejectedError(
        f"{len(found)} articles at Square have the SKU {shorten(sku)} ({ids}): keep one",
        reason="ambiguous_sku",
    )
