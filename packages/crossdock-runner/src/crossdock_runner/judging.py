"""Whether everything that was sold is where it belongs, once: judged by the vendors' tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossdock_runner.players import Tables


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Who is who in a deployment, by the names of connections."""

    channels: tuple[str, ...]
    erp: str
    houses: tuple[str, ...]
    """Who ships: the owners of the fulfilment."""
    stocked: tuple[str, ...] = ()
    """Channels that are told the stock of the one house there is."""
    kept_back: int = 0
    """Pieces of everything that no channel may promise."""

    @staticmethod
    def of(domains: Mapping[str, Any]) -> "Roles":
        """As the table of domains says."""
        shipping, inventory = domains["fulfillment"], domains.get("inventory", {})
        channels = tuple(domains["orders"]["capture"])
        parts = [part["owner"] for part in shipping.get("overrides", ()) if "owner" in part]
        houses = tuple(dict.fromkeys((shipping["owner"], *parts)))
        told = () if len(houses) > 1 or "overrides" in inventory else inventory["publish_to"]
        return Roles(
            channels=channels,
            erp=domains["orders"]["execute"],
            houses=houses,
            stocked=tuple(one for one in told if one in channels),
            kept_back=int(inventory.get("safety_stock", 0)),
        )


@dataclass(kw_only=True)
class Channel:
    """What became of one channel's orders."""

    sold: int = 0
    in_erp: int = 0
    doubled: int = 0
    lost: list[str] = field(default_factory=list)
    pieces_to_ship: int = 0
    pieces_told: int = 0
    wrongly_told: int = 0
    """Orders of which the channel knows more as shipped than was ordered."""
    stock_differences: int = 0
    webhooks_sent: int = 0
    webhooks_accepted: int = 0


@dataclass(kw_only=True)
class Verdict:
    """The whole line."""

    channels: dict[str, Channel]
    pieces_shipped: int = 0
    pieces_booked: int = 0
    """As shipped in the ERP, of what the house shipped."""
    parcels: int = 0
    wrongly_shipped: int = 0
    """Orders of which the house shipped more than was to be shipped."""
    exceptions: int = 0
    dead_letters: int = 0
    account_difference: int = 0
    quiet: bool = False

    def total(self, name: str) -> int:
        """Over all channels."""
        values = (getattr(one, name) for one in self.channels.values())
        return sum(len(one) if isinstance(one, list) else one for one in values)

    @property
    def complete(self) -> bool:
        """Everything has arrived everywhere, once, and nothing is under way."""
        wanted = self.total("pieces_to_ship")
        return (
            self.quiet
            and self.total("sold") > 0
            and self.total("webhooks_sent") == self.total("webhooks_accepted")
            and wanted == self.pieces_shipped == self.pieces_booked == self.total("pieces_told")
            and not any(
                (
                    self.total("lost"),
                    self.total("doubled"),
                    self.total("wrongly_told"),
                    self.total("stock_differences"),
                    self.wrongly_shipped,
                    self.account_difference,
                )
            )
        )

    @property
    def mark(self) -> Sequence[int]:
        """What changes while there is progress."""
        names = ("webhooks_accepted", "in_erp", "pieces_told", "stock_differences")
        return (
            *(self.total(name) for name in names),
            self.pieces_shipped,
            self.pieces_booked,
            self.exceptions,
            self.dead_letters,
        )


def judge(roles: Roles, tables: Mapping[str, Tables], account: Mapping[str, Any]) -> Verdict:
    """Compare what was sold with what the ERP and the houses hold, and what the channels know.

    `account` is the runner's own count of messages, as `/status` tells it.
    """
    erp, houses = tables[roles.erp], [tables[name] for name in roles.houses]
    out = Verdict(
        channels={},
        parcels=sum(house.parcels for house in houses),
        exceptions=account.get("exceptions", 0),
        dead_letters=account.get("dead_letters", 0),
        account_difference=account.get("difference", 0),
    )
    for name in roles.channels:
        table = tables[name]
        seen = out.channels[name] = Channel(
            sold=len(table.sold), webhooks_sent=table.sent, webhooks_accepted=table.accepted
        )
        for order in table.sold:
            times = erp.booked[order.number]
            seen.in_erp += times > 0
            seen.doubled += max(times - 1, 0)
            if not times:
                seen.lost.append(order.number)
            seen.pieces_to_ship += order.to_ship
            seen.pieces_told += order.told
            seen.wrongly_told += order.told > order.to_ship
            shipped = sum(house.shipped[order.number] for house in houses)
            if order.to_ship or roles.erp not in roles.houses:
                out.pieces_shipped += shipped
                out.wrongly_shipped += shipped > order.to_ship
            if order.to_ship:
                out.pieces_booked += erp.shipped[order.number]
        if name in roles.stocked:
            seen.stock_differences = sum(
                sku in table.stock and table.stock[sku] != max(much - roles.kept_back, 0)
                for sku, much in houses[0].stock.items()
            )
    out.quiet = bool(account.get("quiet")) and not any(table.busy for table in tables.values())
    return out
