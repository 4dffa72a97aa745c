"""Which place ships what of an order: whole where it can be, split by the rule. No I/O."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from crossdock.canonical import Order, OrderLine

from crossdock_stages.book import ZERO

NEVER, LINE, QUANTITY = "never", "line", "quantity"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How an order may be parted.

    `never`: all of it from the first place that has it all. `line`: each line from the first place
    that has it whole. `quantity`: the order whole, else its lines whole, else a line spread over
    places, the fullest first. `parcels` is how many places may ship at most; None: any number.
    """

    split: str = LINE
    parcels: int | None = None


WHOLE_LINES = Rule()


@dataclass(frozen=True)
class Need:
    """So much of one SKU for one line."""

    line_id: str
    sku: str
    quantity: Decimal


Left = Mapping[str, Mapping[str, Decimal]]
"""SKU to place to what may still be promised there."""


def place_lines(
    order: Order,
    rows: Iterable[tuple[OrderLine, str, Decimal]],
    left: Mapping[str, Mapping[str, Decimal]],
    prefer: Sequence[str],
    rule: Rule,
    used: Collection[str],
) -> dict[str, dict[str, Decimal]]:
    """Lines whose place is not the first of the rule, or that are split; bundles are not.

    `rows` are line, SKU and quantity; a line whose channel names its place stays there.
    """
    needs = [Need(line.line_id, sku, amount) for line, sku, amount in rows if not line.components]
    rest = {sku: dict(places) for sku, places in left.items()}
    fixed = {line.line_id: line.location for line in order.lines if line.location}
    for need in needs:
        place = fixed.get(need.line_id)
        if place is not None and place in rest.get(need.sku, {}):
            rest[need.sku][place] -= need.quantity
    free = [need for need in needs if need.line_id not in fixed]
    chosen = choose(free, rest, prefer, rule, {*fixed.values(), *used})
    return {line_id: at for line_id, at in chosen.items() if list(at) != [prefer[0]]}


def choose(
    needs: Sequence[Need],
    left: Left,
    prefer: Sequence[str],
    rule: Rule,
    used: Collection[str] = (),
) -> dict[str, dict[str, Decimal]]:
    """Line to place to quantity. What no place can be found for is left out.

    `prefer` are the places that may ship, in the order of the rule; `used` are those that ship
    something of this order anyway.
    """
    rest = {sku: dict(places) for sku, places in left.items()}
    if rule.split != LINE:
        place = next((one for one in prefer if _has_all(needs, rest, one)), None)
        if place is not None and _fits((place,), used, rule):
            return {need.line_id: {place: need.quantity} for need in needs}
    if rule.split == NEVER:
        return {}
    out: dict[str, dict[str, Decimal]] = {}
    taken = dict.fromkeys(used)
    for need in needs:
        there = rest.get(need.sku, {})
        first = [*(one for one in prefer if one in taken), *prefer] if _counts(rule) else prefer
        able = [one for one in first if there.get(one, ZERO) >= need.quantity]
        found: dict[str, Decimal] = {}
        if able and _fits(able[:1], taken, rule):
            found = {able[0]: need.quantity}
        elif rule.split == QUANTITY:
            found = _spread(need, there, prefer, rule, taken)
        for place, quantity in found.items():
            there[place] -= quantity
            taken[place] = None
        if found:
            out[need.line_id] = found
    return out


def _has_all(needs: Sequence[Need], rest: Left, place: str) -> bool:
    sums: dict[str, Decimal] = {}
    for need in needs:
        sums[need.sku] = sums.get(need.sku, ZERO) + need.quantity
    return all(rest.get(sku, {}).get(place, ZERO) >= amount for sku, amount in sums.items())


def _counts(rule: Rule) -> bool:
    """Whether places that ship anyway come first, so that there are fewer parcels."""
    return rule.split == QUANTITY or rule.parcels is not None


def _fits(places: Collection[str], used: Collection[str], rule: Rule) -> bool:
    return rule.parcels is None or len({*places, *used}) <= rule.parcels


def _spread(
    need: Need,
    there: Mapping[str, Decimal],
    prefer: Sequence[str],
    rule: Rule,
    used: Collection[str],
) -> dict[str, Decimal]:
    """One line over several places, as few as can be; nothing where these have not got it all."""
    fullest = sorted(prefer, key=lambda one: (one not in used, -there.get(one, ZERO)))
    out: dict[str, Decimal] = {}
    quantity = need.quantity
    for place in fullest:
        take = min(quantity, max(there.get(place, ZERO), ZERO))
        if take > 0 and _fits((*out, place), used, rule):
            out[place] = take
            quantity -= take
    return out if quantity == 0 else {}


def refit(
    split: Mapping[str, Decimal], wanted: Decimal, left: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """A split after its line was edited: less is taken from the last place first, never what has
    left it (`left`); more goes to the first."""
    out = dict(split)
    over = sum(out.values(), ZERO) - wanted
    for place in reversed(list(out)):
        if over <= 0:
            break
        less = min(over, max(out[place] - left.get(place, ZERO), ZERO))
        out[place] -= less
        over -= less
    if over < 0 and out:
        first = next(iter(out))
        out[first] -= over
    return {place: quantity for place, quantity in out.items() if quantity > 0}
