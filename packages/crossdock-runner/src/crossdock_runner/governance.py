"""Tables of domains that could not be kept, refused with the reason by `crossdock check`.

Two owners for one thing, a target that cannot be asked, a source that cannot speak, news that
would go in a circle.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from crossdock.canonical import ENTITIES
from crossdock.connector import Connector
from crossdock_stages.judgement.checks import BUILT_IN
from crossdock_stages.reconcile import KINDS

from crossdock_runner import stockgovernance
from crossdock_runner.domains import (
    DomainsConfig,
    InventoryConfig,
    LocationConfig,
    OrdersConfig,
    OverrideConfig,
    OwnedConfig,
    PaymentsConfig,
)
from crossdock_runner.stockgovernance import Finding, Path

_TOLD = {
    "inventory": ("inventory.publish",),
    "fulfillment": ("fulfillment.create",),
    "catalog": ("product.publish",),
    "pricing": ("price.publish",),
    "customers": ("customer.publish",),
}
_WORK = {
    "orders": ("order.create",),
    "returns": ("return.create",),
    "settlement": ("settlement.create",),
}
_EXECUTES = {"orders": "execute", "returns": "execute", "settlement": "book"}
_SPEAKS = {
    "orders": "capture",
    "returns": "capture",
    "settlement": "sources",
    "payments": "sources",
}
_TELLS = {
    "orders": ("order",),
    "returns": ("return", "refund"),
    "settlement": ("settlement",),
    "payments": ("payment", "refund", "payout"),
    "inventory": ("inventory",),
    "fulfillment": ("fulfillment",),
    "catalog": ("product",),
    "pricing": ("price",),
    "customers": ("customer",),
}
"""Of what a source of each domain must tell, at least of one."""
_SELECTORS = ("location", "channel", "region", "fields")
_PARTED_BY = {
    "orders": ("channel", "region"),
    "inventory": ("location", "channel", "region"),
    "fulfillment": ("location", "channel", "region"),
    "returns": ("location", "channel", "region"),
    "catalog": ("fields",),
    "pricing": ("region",),
    "settlement": ("channel",),
}
"""By what the facts of a domain can be told apart: of orders, and of the shipments and returns that
belong to them, the channel that sold and the region they go to, of stock the place it lies at and
that place's region, of prices that of their price list's countries."""


class Table:
    """One table under examination: `findings` are (path, what is wrong and why)."""

    def __init__(
        self,
        config: DomainsConfig,
        names: list[str],
        connectors: Mapping[str, Connector],
        regions: Mapping[str, tuple[str, ...]],
        locations: Mapping[str, LocationConfig],
        installed: Collection[str] = (),
    ) -> None:
        self.config = config
        self.names = names
        self.connectors = connectors
        self.regions = regions
        self.locations = locations
        self.installed = installed

    def findings(self) -> list[Finding]:
        """Everything that is wrong, in the order of the domains."""
        found = list(self._places())
        for domain, part in self.config.written():
            path: Path = ("domains", domain)
            if isinstance(part, OwnedConfig):
                found += self._owned(domain, part, path)
            elif isinstance(part, PaymentsConfig):
                found += self._payments(part, path)
            else:
                found += self._booked(domain, part, path)
            if isinstance(part, OrdersConfig):
                found += self._checks(part, path)
            if isinstance(part, InventoryConfig):
                found += stockgovernance.findings(part, self.config.orders, path)
            found += self._overrides(domain, part, path)
            if part.reconcile is not None:
                found += self._comparable(domain, part, path)
        return found

    def _places(self) -> Iterator[Finding]:
        for name, one in self.locations.items():
            if one.region is not None:
                yield from self._region(("locations", name, "region"), one.region)
            for index, region in enumerate(one.ships_for):
                yield from self._region(("locations", name, "ships_for", index), region)
        seen: dict[str, str] = {}
        for region, countries in self.regions.items():
            for index, country in enumerate(countries):
                if country in seen:
                    yield (
                        ("regions", region, index),
                        f"{country} is in {seen[country]!r} already: a country has one region",
                    )
                seen.setdefault(country, region)

    def _region(self, path: Path, region: str) -> Iterator[Finding]:
        if region not in self.regions:
            yield path, f"{region!r} is no region; {_allowed(region, list(self.regions))}"

    def _owned(self, domain: str, part: OwnedConfig, path: Path) -> Iterator[Finding]:
        yield from self._speaks((*path, "owner"), part.owner, *_TELLS[domain])
        yield from self._targets((*path, "publish_to"), part.publish_to, part.owner, domain)

    def _booked(self, domain: str, part: Any, path: Path) -> Iterator[Finding]:
        speak, work = _SPEAKS[domain], _EXECUTES[domain]
        sources, target = getattr(part, speak), getattr(part, work)
        yield from self._sources((*path, speak), sources, *_TELLS[domain])
        yield from self._can((*path, work), target, *_WORK[domain])
        if target in sources:
            yield (
                (*path, work),
                f"{target!r} captures {domain} too: they would go in a circle",
            )
        orders = self.config.orders
        if domain == "returns" and orders is not None:
            for index, name in enumerate(sources):
                if name not in orders.capture:
                    yield (
                        (*path, speak, index),
                        f"{name!r} captures no orders, so its returns would belong to none; "
                        f"orders are captured by: {', '.join(orders.capture)}",
                    )

    def _sources(self, path: Path, names: tuple[str, ...], *kinds: str) -> Iterator[Finding]:
        for index, name in enumerate(names):
            yield from self._speaks((*path, index), name, *kinds)
            if name in names[:index]:
                yield (*path, index), f"{name!r} stands here twice"

    def _payments(self, part: PaymentsConfig, path: Path) -> Iterator[Finding]:
        """Money belongs to orders, and a refund is paid by one who can be asked to."""
        yield from self._sources((*path, "sources"), part.sources, *_TELLS["payments"])
        yield from self._sources((*path, "refund_for"), part.refund_for, "refund")
        if self.config.orders is None:
            yield path, "no orders are captured here to which payments could belong"
        for index, name in enumerate(part.refund_for):
            if name in part.sources:
                yield (
                    (*path, "refund_for", index),
                    f"{name!r} stands in `sources`: its pending refunds are those it pays itself, "
                    "and would be paid a second time",
                )
        returns = self.config.returns
        paying = [one for one in part.sources if returns is None or one != returns.execute]
        there = [self.connectors[name] for name in paying if name in self.connectors]
        if part.refund_for and not any("refund.create" in one.handles for one in there):
            yield (
                (*path, "refund_for"),
                f"nobody can be asked to pay: {' and '.join(paying) or 'none of the sources'} "
                "cannot carry out refund.create (who books the returns only books it)",
            )

    def _checks(self, part: OrdersConfig, path: Path) -> Iterator[Finding]:
        for index, name in enumerate(part.reviewers):
            yield from self._speaks((*path, "reviewers", index), name, "hold", "cancellation")
        lists: list[tuple[Path, tuple[str, ...]]] = [((*path, "checks"), part.checks)]
        lists += [
            ((*path, "overrides", index, "checks"), one.checks)
            for index, one in enumerate(part.overrides)
            if one.checks
        ]
        for at, names in lists:
            for index, name in enumerate(names):
                if name in names[:index]:
                    yield (*at, index), f"{name!r} stands here twice"
                elif name == "stock" and not self._keeps_stock():
                    yield (*at, index), "'stock' needs `inventory.reserve`, as in `reserve: 1d`"
                elif name == "fraud" and not part.reviewers and name not in self.installed:
                    yield (
                        (*at, index),
                        "nobody judges fraud: install a check called 'fraud', or name the "
                        "connections that do in `reviewers`",
                    )
                elif name not in BUILT_IN and name not in self.installed:
                    known = _allowed(name, [*BUILT_IN, *self.installed])
                    yield (*at, index), f"{name!r} is no check; {known}"

    def _keeps_stock(self) -> bool:
        return self.config.inventory is not None and self.config.inventory.reserve is not None

    def _targets(
        self, path: Path, targets: tuple[str, ...], owner: str, domain: str
    ) -> Iterator[Finding]:
        for index, name in enumerate(targets):
            if name == owner:
                message = (
                    f"{name!r} owns {domain}: it cannot be told what it says itself, "
                    "or its news would go in a circle"
                )
                yield (*path, index), message
            elif name in targets[:index]:
                yield (*path, index), f"{name!r} stands here twice"
            else:
                yield from self._can((*path, index), name, *_TOLD.get(domain, ()))

    def _overrides(self, domain: str, part: Any, path: Path) -> Iterator[Finding]:
        claimed: dict[tuple[Any, ...], str | None] = {}
        for index, one in enumerate(part.overrides):
            at: Path = (*path, "overrides", index)
            given = one.model_dump(exclude_unset=True)
            differences = set(given) - set(_SELECTORS)
            if not set(given) & set(_SELECTORS):
                yield at, f"names no part; say which with one of: {', '.join(_SELECTORS)}"
                continue
            if not differences:
                yield at, "changes nothing; leave it out, or say what differs"
                continue
            yield from self._selectors(domain, one, at)
            yield from self._fitting(domain, part, one, at)
            yield from self._meeting(domain, part, one, at)
            for key, whose in (("owner", one.owner), ("execute", one.execute)):
                for name in one.fields or ("",) if whose is not None else ():
                    selector = (key, one.location, one.channel, one.region, name)
                    other = claimed.setdefault(selector, whose)
                    if other != whose:
                        what = "owners" if key == "owner" else "systems that book it"
                        yield (
                            (*at, key),
                            f"two {what} for the same part of {domain}: {other!r} and {whose!r}; "
                            "one thing has one",
                        )

    def _meeting(self, domain: str, part: Any, one: OverrideConfig, at: Path) -> Iterator[Finding]:
        """What no fact of the domain could ever meet."""
        if domain == "inventory":
            for key in ("owner", "publish_to") if one.channel is not None else ():
                if getattr(one, key) is not None:
                    yield (
                        (*at, key),
                        f"stock lies at places, not in channels: `{key}` can differ by location or "
                        "region; what one channel may promise by safety_stock, share and cap",
                    )
            there = {name: place.region for name, place in self.locations.items()}
            if one.region in self.regions and one.region not in there.values():
                yield (
                    (*at, "region"),
                    f"no location is in {one.region!r}, so no stock is; name it in `locations`",
                )
            elif one.region and there.get(one.location or "", one.region) != one.region:
                own = there[one.location or ""] or "no region"
                yield (*at, "region"), f"{one.location!r} is in {own}: nothing is in both"
        elif domain == "settlement" and one.channel not in (None, *part.sources):
            known = _allowed(str(one.channel), list(part.sources))
            yield (*at, "channel"), f"{one.channel!r} is no source of statements; {known}"

    def _selectors(self, domain: str, one: OverrideConfig, at: Path) -> Iterator[Finding]:
        parted = _PARTED_BY.get(domain, ())
        for name in ("location", "channel", "region"):
            if getattr(one, name) is not None and name not in parted:
                by = f"it can be by: {', '.join(parted)}" if parted else "it is one whole"
                yield (*at, name), f"{domain} is not parted by {name}; {by}"
                return
        if one.region is not None:
            yield from self._region((*at, "region"), one.region)
        if one.location is not None and self.locations and one.location not in self.locations:
            known = _allowed(one.location, list(self.locations))
            yield (*at, "location"), f"{one.location!r} is no location; {known}"
        if one.channel is not None and domain != "settlement":
            selling = self.config.orders.capture if self.config.orders else ()
            if one.channel not in selling:
                known = _allowed(one.channel, list(selling))
                yield (*at, "channel"), f"{one.channel!r} is no selling channel; {known}"
        if one.fields:
            if domain != "catalog":
                yield (*at, "fields"), f"{domain} has no field groups; only catalog has"
            allowed = list(ENTITIES["product"].model_fields)
            for index, name in enumerate(one.fields):
                if name not in allowed or name in {"id", "refs", "raw_ref", "extensions"}:
                    yield (
                        (*at, "fields", index),
                        f"a product has no field {name!r} of its own; " + (_allowed(name, allowed)),
                    )
            if one.owner is None:
                yield (*at, "fields"), "a field group needs its `owner`"
            if set(one.model_dump(exclude_unset=True)) - {"fields", "owner"}:
                yield at, "a field group has an owner and nothing else"

    def _fitting(self, domain: str, part: Any, one: OverrideConfig, at: Path) -> Iterator[Finding]:
        owned = isinstance(part, OwnedConfig)
        fits: dict[str, bool] = {
            "owner": owned,
            "publish_to": owned,
            "execute": domain in _EXECUTES,
            "checks": domain == "orders",
            "safety_stock": domain == "inventory",
            "share": domain == "inventory",
            "cap": domain == "inventory",
            "currency": domain == "pricing",
            "tax": domain == "pricing",
            "allocation": domain == "inventory",
            "order_lag": domain == "inventory",
        }
        for key, good in fits.items():
            if getattr(one, key) is not None and not good:
                yield (*at, key), f"{domain} has no `{key}`"
        if owned and one.owner is not None:
            yield from self._speaks((*at, "owner"), one.owner, *_TELLS[domain])
        if owned and one.publish_to is not None:
            owner = one.owner or part.owner
            yield from self._targets((*at, "publish_to"), one.publish_to, owner, domain)
        if domain in _EXECUTES and one.execute is not None:
            sources = getattr(part, _SPEAKS[domain])
            yield from self._can((*at, "execute"), one.execute, *_WORK[domain])
            if one.execute in sources:
                message = f"{one.execute!r} captures {domain} too: they would go in a circle"
                yield (*at, "execute"), message

    def _comparable(self, domain: str, part: Any, path: Path) -> Iterator[Finding]:
        """A schedule needs somebody who can be asked what he holds."""
        if domain not in KINDS:
            yield (
                (*path, "reconcile"),
                f"{domain} cannot be compared yet; these can: {', '.join(KINDS)}",
            )
            return
        if isinstance(part, OwnedConfig):
            names = (part.owner, *part.publish_to)
        else:
            names = getattr(part, _SPEAKS[domain])
            if domain in _EXECUTES:
                names = (*names, getattr(part, _EXECUTES[domain]))
        there = [self.connectors[name] for name in names if name in self.connectors]
        if there and not any("Snapshots" in one.ports for one in there):
            yield (
                (*path, "reconcile"),
                f"nobody in {domain} can say what it holds (port Snapshots): "
                f"{', '.join(dict.fromkeys(names))}; leave `reconcile` out",
            )

    def _known(self, path: Path, name: str) -> Finding | None:
        if name in self.names:
            return None
        return path, f"{name!r} is no connection; {_allowed(name, self.names)}"

    def _speaks(self, path: Path, name: str, *kinds: str) -> Iterator[Finding]:
        """Whether it can be a source at all, and, where its connector says so, of these kinds."""
        unknown = self._known(path, name)
        if unknown:
            yield unknown
            return
        connector = self.connectors.get(name)
        if connector is not None and not connector.ports & {"Webhooks", "Polls"}:
            yield (
                path,
                f"{name!r} ({connector.name}) has neither webhooks nor polling: "
                "it cannot be a source",
            )
        elif connector is not None and connector.tells and not connector.tells & set(kinds):
            yield (
                path,
                f"{name!r} ({connector.name}) tells of no {' or '.join(kinds)}; "
                f"it tells of: {', '.join(sorted(connector.tells))}",
            )

    def _can(self, path: Path, name: str, *commands: str) -> Iterator[Finding]:
        unknown = self._known(path, name)
        if unknown:
            yield unknown
            return
        connector = self.connectors.get(name)
        if connector is None:
            return
        for command in commands:
            if command not in connector.handles:
                can = ", ".join(sorted(connector.handles)) or "nothing"
                message = f"{name!r} ({connector.name}) cannot carry out {command}; it can: {can}"
                yield path, message


def _allowed(given: str, names: list[str]) -> str:
    near = difflib.get_close_matches(given, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"allowed: {', '.join(sorted(names)) or 'none is defined'}{hint}"
