"""What differs between the Admin API versions we speak, and nothing else.

Documents are written for the newest; `fitted` takes out what an older version does not know.
Recorded differences (Shopify's schemas 2025-10 to 2026-10, `schema/`):

| version | `@idempotent` | stock is compared by |
|---|---|---|
| 2025-10 | unknown | `compareQuantity`, `ignoreCompareQuantity` |
| 2026-01 | optional | `changeFromQuantity` (the old ones still there) |
| 2026-04 and later | required for stock, refunds | `changeFromQuantity`, if only as null |
"""

import re
from functools import cache
from typing import Any, Final, Literal

Version = Literal["2025-10", "2026-01", "2026-04", "2026-07", "2026-10"]
VERSIONS: Final = ("2025-10", "2026-01", "2026-04", "2026-07", "2026-10")
"""Oldest first; each lives a year from its date (https://shopify.dev/docs/api/usage/versioning)."""

_FIRST_IDEMPOTENT = "2026-01"
_DIRECTIVE = re.compile(r" @idempotent\(key: \$key\)")
_KEY = re.compile(r", \$key: String!")


def idempotent(version: str) -> bool:
    """Whether mutations take `@idempotent(key:)` in this version."""
    return version >= _FIRST_IDEMPOTENT


@cache
def fitted(document: str, version: str) -> str:
    """The document as this version understands it."""
    if idempotent(version):
        return document
    return _KEY.sub("", _DIRECTIVE.sub("", document))


def fitted_variables(variables: dict[str, Any], version: str) -> dict[str, Any]:
    """The variables without an idempotency key where the version knows none."""
    if idempotent(version):
        return variables
    return {name: value for name, value in variables.items() if name != "key"}


def stock_row(version: str, expected: int | None) -> dict[str, Any]:
    """How a row of `inventorySetQuantities` says "only if it is still `expected`".

    None: whatever it is now. In 2025-10 that is said beside the rows, see `stock_input`.
    """
    if idempotent(version):
        return {"changeFromQuantity": expected}
    return {} if expected is None else {"compareQuantity": expected}


def stock_input(version: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What stands beside the rows of `inventorySetQuantities`."""
    if idempotent(version):
        return {}
    return {"ignoreCompareQuantity": any("compareQuantity" not in row for row in rows)}


def sunset(version: str) -> str:
    """The month in which Shopify may stop serving this version: a year after its release."""
    year, month = version.split("-")
    return f"{int(year) + 1}-{month}"
