"""What Odoo 17, 18 and 19 call differently, and what the vendor has announced. One table each.

Fields are not guessed from the version: the server is asked which of the names it has
(`fields_get`), for modules and backports rename them, too. Methods cannot be asked for; they go by
the major version. Source: tests/recordings (folders 02-fields, and the flows), by file.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import crossdock

OLDEST = 17
SEEN = (17, 18, 19)
"""Run against recordings of real servers; 18 and 19 also live."""

FIELDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("sale.order.line", "tax_ids"): ("tax_ids", "tax_id"),
    ("product.product", "is_storable"): ("is_storable", "detailed_type"),
    ("product.template", "is_storable"): ("is_storable", "detailed_type"),
    ("account.tax", "price_include_override"): ("price_include_override", "price_include"),
    ("res.users", "group_ids"): ("group_ids", "groups_id"),
    ("pos.order", "uuid"): ("uuid",),
    ("account.payment", "memo"): ("memo", "ref"),
}
"""(model, name of the newest version) to the names to look for, newest first."""

BY_POSITION = {"create": "vals_list", "write": "vals"}
"""On `/jsonrpc` some models call these arguments otherwise, or know them by position alone:
`sale.order.write` says `values` in 18 and `vals` in 19 (recordings, README "Arguments")."""

SUNSETS = (
    "/jsonrpc, /xmlrpc and /xmlrpc/2 are deprecated since Odoo 19 and go with Odoo 22 (fall 2028; "
    "Odoo Online 21.1)",
    "the `db` service goes with Odoo 20 (fall 2026; Odoo Online 19.1)",
)
"""Vendor documentation 19.0 "External RPC API" and the notice in the 19.0 source, as of 2026."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """The version of a server, as it told it."""

    major: int
    text: str

    @property
    def json2(self) -> bool:
        """Whether the External JSON-2 API is there; before it, `/jsonrpc`."""
        return self.major >= 19

    @property
    def keeps_price_digits(self) -> bool:
        """19 keeps every digit of a unit price; before, it is rounded to a configured precision."""
        return self.major >= 19

    @property
    def syncs_till_orders(self) -> bool:
        """`pos.order.sync_from_ui` and `uuid` as the key of an order; 17 has neither."""
        return self.major >= 18

    def notes(self) -> tuple[str, ...]:
        """For people: what was announced about the API in use here, and what was never tried."""
        found: list[str] = []
        if self.json2:
            found.append(f"speaks JSON-2, so this does not concern it: {SUNSETS[0]}")
        else:
            found.append(f"speaks /jsonrpc: {SUNSETS[0]}; JSON-2 is used from Odoo 19 on")
            found.append(f"not used here: {SUNSETS[1]}")
        if self.major not in SEEN:
            found.append(
                f"this connector has never been tried with Odoo {self.major}; it was with "
                f"{', '.join(map(str, SEEN))}. Try it on a copy of the database first"
            )
        return tuple(found)


def parse_version(info: Any, who: str) -> Version:
    """From `version_info`: `[19, 0, 0, "final", 0, ""]`, or `["saas~18", 1, …]` of Odoo Online.

    ConfigError: older than 17. 14 to 16 speak `/jsonrpc` as 17 does, but name shipped quantities
    otherwise and were never tried. ContractError: no version in it.
    """
    if not isinstance(info, list) or not info:
        raise crossdock.ContractError(f"{who}: no version of Odoo in its answer")
    major = info[0] if isinstance(info[0], int) else _digits(str(info[0]))
    if major < OLDEST:
        raise crossdock.ConfigError(
            f"{who} is Odoo {major}; this connector speaks {OLDEST} and later. Older ones were "
            "never tried and name shipped quantities otherwise. Upgrade Odoo"
        )
    return Version(major=major, text=f"{major}.{info[1] if len(info) > 1 else 0}")


Ask = Callable[[str, list[str]], Awaitable[Mapping[str, Any]]]
"""`fields_get` of a model, limited to these names: a mapping of those that are there."""


@dataclass
class Fields:
    """Which fields a server has; asked once for each name in the life of a connection.

    `fields_get` leaves out what the user may not see, so a field that is missing may only be
    hidden.
    """

    ask: Ask
    _there: dict[tuple[str, str], bool] = field(default_factory=dict)

    async def having(self, model: str, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that the model has here, in their order."""
        wanted = tuple(names)
        unknown = [name for name in wanted if (model, name) not in self._there]
        if unknown:
            told = await self.ask(model, unknown)
            self._there |= {(model, name): name in told for name in unknown}
        return tuple(name for name in wanted if self._there[model, name])

    async def name(self, model: str, newest: str) -> str:
        """What this server calls a field of FIELDS. RejectedError: it has none of the names."""
        names = FIELDS[model, newest]
        found = await self.having(model, names)
        if not found:
            raise crossdock.RejectedError(
                f"{model} has no field {' or '.join(names)} that this user may see. Install the "
                "module it belongs to, or give the integration user the right to it",
                reason="no_field",
                parts={"model": model, "field": newest},
            )
        return found[0]


def _digits(text: str) -> int:
    """The number in `saas~18`, or 0."""
    found = "".join(c for c in text if c in "0123456789")
    return int(found[:4]) if found else 0
