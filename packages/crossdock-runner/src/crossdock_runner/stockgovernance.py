"""What the domain of stock may not say; the rest of the table is in `governance`."""

from collections.abc import Iterator

from pydantic import BaseModel

from crossdock_runner.domains import InventoryConfig, OrdersConfig

Path = tuple[str | int, ...]
Finding = tuple[Path, str]


def findings(part: InventoryConfig, orders: OrdersConfig | None, path: Path) -> Iterator[Finding]:
    """Policies are kept where stock is; the check of stock needs it too."""
    if part.reserve is not None:
        if orders is None:
            yield (*path, "reserve"), "no orders are captured here for which to reserve stock"
        else:
            yield from _allocation(part, orders, path)
        return
    keys = ("safety_stock", "share", "cap", "allocation", "order_lag", "lag_buffer")
    parts: list[tuple[Path, BaseModel]] = [(path, part)]
    parts += [((*path, "overrides", index), one) for index, one in enumerate(part.overrides)]
    for at, some in parts:
        for key in [key for key in keys if key in some.model_fields_set]:
            words = f"`{key}` needs `reserve`, as in `reserve: 1d`: stock is kept then"
            yield (*at, key), words


def _allocation(part: InventoryConfig, orders: OrdersConfig, path: Path) -> Iterator[Finding]:
    """Pieces are parted among all channels of a place, or not at all."""
    told = (part.publish_to, *(one.publish_to for one in part.overrides if one.publish_to))
    selling = {name for names in told for name in names} & set(orders.capture)
    ways = [((*path, "allocation"), part.allocation)]
    for index, one in enumerate(part.overrides):
        at: Path = (*path, "overrides", index)
        if one.allocation is not None and one.channel is not None:
            yield (
                (*at, "allocation"),
                "pieces are parted among all channels of a place, so `allocation` cannot "
                "differ by channel; limit one channel with `share` or `cap`",
            )
        elif one.allocation is not None:
            ways.append(((*at, "allocation"), one.allocation))
    parted = [(at, way) for at, way in ways if way != "shared"]
    for at, way in parted:
        if len(selling) < 2:
            yield (
                at,
                f"{way!r} parts the pieces among selling channels, and "
                f"{' and '.join(sorted(selling)) or 'none'} is all that is told of stock",
            )
        if way == "exclusive" and part.lag_buffer and at == (*path, "allocation"):
            yield (
                (*path, "lag_buffer"),
                "keeps back what is sold elsewhere meanwhile: with `allocation: exclusive` "
                "nothing is; leave one of them out",
            )
    if not parted:
        given = [
            (path, part),
            *(((*path, "overrides", i), o) for i, o in enumerate(part.overrides)),
        ]
        for at, some in given:
            if "order_lag" in some.model_fields_set:
                yield (
                    (*at, "order_lag"),
                    "says when pieces may move from channel to channel; it needs "
                    "`allocation: exclusive` or `automatic`",
                )
