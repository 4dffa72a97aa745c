"""Our documents in X12: 940, 943, and 997 around what `acknowledging` says. Pure.

Layouts: ASC X12 004010 to 005010, held to the 940 and 943 in tests/documents.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from crossdock.canonical import Address

from crossdock_x12_wms import x12
from crossdock_x12_wms.config import Partner, Party, X12WmsConfig
from crossdock_x12_wms.writing import Wish, amount, checked, encoded, folded, unit_of


def interchange(
    partner: Partner, number: int, at: datetime, kind: str, body: list[list[str]]
) -> bytes:
    """One document in its own interchange."""
    text = x12.write(head(partner), number, at, [(kind, body)])
    return encoded(text, partner.encoding)


def head(partner: Partner) -> x12.Head:
    """How this partner is written to."""
    return x12.Head(
        sender=(partner.us.qualifier, partner.us.id),
        receiver=(partner.them.qualifier, partner.them.id),
        sender_group=partner.us.group,
        receiver_group=partner.them.group,
        version=partner.release,
        test=partner.test,
        by=partner.separators,
        newlines=partner.newlines,
    )


def ship_order(wish: Wish, config: X12WmsConfig) -> list[list[str]]:
    """A 940; W05 01 is N for a new one and F for one that is cancelled."""
    partner = config.partner
    lines = [["W05", "F" if wish.cancel else "N", wish.number, wish.title[:22]]]
    if wish.ship_to is not None:
        lines += _address("ST", wish.ship_to)
    lines += [_warehouse(config), _depositor(partner.us)]
    lines.append(["N9", "CO", wish.title[:30]])
    if wish.due is not None:
        lines.append(["G62", "10", f"{wish.due:%Y%m%d}"])
    lines += [["NTE", "WHI", piece] for piece in folded(wish.note, 10, 80)]
    if wish.service:
        lines.append(["W66", "PP", "M", "", "", "", wish.service[:35]])
    for place, (sku, quantity, unit) in enumerate(wish.lines, 1):
        lines.append(["LX", str(place)])
        lines.append(["W01", *_article(sku, quantity, unit, partner)])
        lines.append(["N9", "LI", str(place)])
    lines.append(["W76", amount(wish.total)])
    return lines


def transfer_notice(wish: Wish, config: X12WmsConfig) -> list[list[str]]:
    """A 943: what is on its way to the warehouse."""
    partner = config.partner
    lines = [
        ["W06", "N", wish.number, f"{wish.at:%Y%m%d}", "", "", wish.title[:22]],
        _warehouse(config),
        ["N1", "SF", wish.origin[:60], "92", wish.origin[:20]],
        _depositor(partner.us),
    ]
    if wish.due is not None:
        lines.append(["G62", "17", f"{wish.due:%Y%m%d}"])
    for place, (sku, quantity, unit) in enumerate(wish.lines, 1):
        lines.append(["W04", *_article(sku, quantity, unit, partner)])
        lines.append(["N9", "LI", str(place)])
    lines.append(["W03", amount(wish.total)])
    return lines


def _article(sku: str, quantity: Decimal, unit: str, partner: Partner) -> list[str]:
    """Quantity, unit, no UPC, qualifier and SKU, as W01 and W04 have them."""
    much = checked("quantity", amount(quantity), 10)
    by = (partner.article or "SK")[:2]
    return [much, unit_of(unit, partner), "", by, checked("SKU", sku, 48)]


def _warehouse(config: X12WmsConfig) -> list[str]:
    name = config.partner.them.name or config.location
    codes = {ours: theirs for theirs, ours in config.partner.places.items()}
    return ["N1", "WH", name[:60], "92", codes.get(config.location, config.location)[:80]]


def _depositor(us: Party) -> list[str]:
    return ["N1", "DE", (us.name or us.id)[:60], "92", us.id]


def _address(kind: str, to: Address) -> Iterator[list[str]]:
    """N1 to N4; what does not fit into N3 goes into further ones, as the standard has it."""
    name = to.company or to.full_name or "-"
    yield ["N1", kind, name[:60]]
    if to.company and to.full_name:
        yield ["N2", to.full_name[:60]]
    streets = [piece for line in to.lines for piece in folded(line, 4, 55)][:4]
    for at in range(0, len(streets), 2):
        yield ["N3", *streets[at : at + 2]]
    region = (to.region or "")[:2] if to.country in {"US", "CA"} else ""
    yield [
        *("N4", (to.locality or "")[:30], region),
        *(checked("postal code", to.postal_code or "", 15), to.country or ""),
    ]
    if to.phone or to.email:
        phone = ["TE", to.phone[:80]] if to.phone else []
        email = ["EM", to.email[:80]] if to.email else []
        yield ["PER", "IC", (to.full_name or name)[:60], *phone, *email]
