"""Each piece on offer in one place only: allotments, and what moves between channels. No I/O.

A channel is told a figure and sells from it; we hear of its sales later, and it shows a new figure
at a moment that we do not know. So two bounds are kept for each channel:

    most   it may still sell so much of which we have not heard, whatever happens
    least  what it shows at least, once the newest figure has arrived

Being told a figure adds all of it to `most`: the channel may sell what it showed before *and* the
new figure. A sale that we hear of lowers both. Only when the channel has confirmed the figure, and
its propagation and whatever orders were under way have had their time, is `most` no more than the
figure. The sum of `most` over all channels never exceeds what is left, so nothing can be sold
twice as long as the owner's figure stands. To take pieces from a channel it is told 0, which adds
nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import Literal

from crossdock_stages.book import ZERO

Allocation = Literal["shared", "exclusive", "automatic"]

DEMAND_S = 600.0
"""Demand is what was sold of late: a sale counts less and less, by 1/e after so long."""
PRIOR = 10.0
"""So many pieces of demand are taken as known beforehand, in the ratio of the channels' sales of
everything: a few first sales of one thing say little."""
PLENTY = 5
"""`automatic` shares freely while there is so many times what all buyers take of everything until
every channel knows; and again from twice that on."""
DURING_SWITCH = 3
"""When it begins to allot, a channel is taken to sell at most so many times its usual before it
knows."""
AWAITED = 1e11
"""`due` of a channel that is being told: its answer is waited for."""
NEVER = 1e12


@dataclass(frozen=True, kw_only=True)
class Allotment:
    """One channel's pieces of one SKU at one place.

    `number` is the telling it stands for; where the offer has another, the channel was told
    otherwise since. `bound` is `most` once that telling is settled; None when it is. `demand` is
    what was sold of late, as of `demand_at`, known since `since`. `due`: look at it again then.
    """

    number: int = 0
    most: Decimal = ZERO
    least: Decimal = ZERO
    bound: Decimal | None = None
    demand: float = 0.0
    demand_at: float = 0.0
    since: float = 0.0
    due: float = NEVER

    def told(self, figure: Decimal, number: int) -> "Allotment":
        """After it was asked to show `figure`."""
        most = self.most + figure
        return replace(self, most=most, least=figure, bound=figure, number=number)

    def sold(self, quantity: Decimal, now: float) -> "Allotment":
        """After we heard of a sale there."""
        return replace(
            self,
            most=max(self.most - quantity, ZERO),
            least=max(self.least - quantity, ZERO),
            demand=self.demand_now(now) + float(quantity),
            demand_at=now,
            since=self.since or now,
        )

    def returned(self, quantity: Decimal) -> "Allotment":
        """After a sale there came to nothing: it may have put the pieces back by itself."""
        bound = None if self.bound is None else self.bound + quantity
        return replace(self, most=self.most + quantity, bound=bound)

    def settled(self) -> "Allotment":
        """After it surely shows what it was told, and every order from before has come."""
        if self.bound is None:
            return self
        return replace(self, most=min(self.most, self.bound), bound=None)

    def demand_now(self, now: float) -> float:
        """What was sold there of late, in pieces."""
        return self.demand * math.exp(-max(now - self.demand_at, 0.0) / DEMAND_S)

    def rate(self, now: float) -> float:
        """Pieces a second."""
        return self.demand_now(now) / min(max(now - self.since, 1.0), DEMAND_S)


@dataclass(frozen=True, kw_only=True)
class Stand:
    """A channel's allotment as `moves` looks at it.

    `limit` is how much its policy lets it promise, `cover_s` how long it will take to sell what it
    has, `move_s` how long until pieces taken from it are elsewhere. `busy`: it is being told a
    figure; `settling`: what it was told is not settled. `wrong`: it shows something else than it
    should, and must be told in any case.
    """

    channel: str
    most: Decimal
    least: Decimal
    limit: Decimal
    weight: float
    cover_s: float = math.inf
    idle_s: float = math.inf
    move_s: float = 0.0
    bound: Decimal | None = None
    busy: bool = False
    wrong: bool = False


def apportion(
    total: Decimal, weights: Mapping[str, float], limits: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Whole pieces by weight, none above its limit; what a limit keeps back goes to the others."""
    out = dict.fromkeys(weights, ZERO)
    rest = max(total, ZERO).to_integral_value(ROUND_FLOOR)
    open_ = {name for name in weights if limits[name] >= 1 and weights[name] > 0}
    while rest >= 1 and open_:
        whole = sum(weights[name] for name in open_)
        ideal = {name: float(rest) * weights[name] / whole for name in open_}
        given = ZERO
        for name in sorted(open_):
            part = min(Decimal(int(ideal[name] + 1e-9)), _room(limits[name], out[name]))
            out[name] += part
            given += part
        rest -= given
        open_ = {name for name in open_ if _room(limits[name], out[name]) >= 1}
        if given == 0:  # less than one each: the largest parts first
            for name in sorted(open_, key=lambda one: (-ideal[one], one))[: int(rest)]:
                out[name] += 1
            break
    return out


def _room(limit: Decimal, has: Decimal) -> Decimal:
    return (limit - has).to_integral_value(ROUND_FLOOR)


def moves(left: Decimal, stands: Sequence[Stand]) -> tuple[dict[str, Decimal], bool]:
    """What channels are to be told now, so that the sum of `most` stays within `left`.

    And whether somebody shows nothing and should: time alone may change what is to be done then.

    Pieces that nobody has go to those who show least for their demand. When some show nothing and
    there are no pieces to give, those who would not sell theirs in the time that moving takes are
    told 0, and their pieces are given out anew once that has settled.
    """
    free = max(left, ZERO) - sum((one.most for one in stands), ZERO)
    weights = {one.channel: one.weight for one in stands}
    goals = apportion(left, weights, {one.channel: one.limit for one in stands})
    out = _handed_out(free, stands, goals) if free >= 1 else {}
    coming = sum((_coming(one) for one in stands), ZERO)
    hungry = [one for one in stands if _hungry(one, goals) and one.channel not in out]
    if free < 0:
        out |= _withdrawn(-free - coming, [one for one in stands if not one.busy])
    elif hungry:
        free -= sum(out.values(), ZERO)
        wanted = sum((goals[one.channel] for one in hungry), ZERO)
        out |= _moved(wanted - free - coming, stands, goals, out)
    wrong = {one.channel: ZERO for one in stands if one.wrong and not one.busy}
    return wrong | out, bool(hungry)


def _coming(one: Stand) -> Decimal:
    """What nobody has any more once its telling has settled."""
    return ZERO if one.bound is None else max(one.most - one.bound, ZERO)


def _hungry(one: Stand, goals: Mapping[str, Decimal]) -> bool:
    """It shows nothing, as far as we know, and should show something."""
    return one.least < 1 <= goals[one.channel] and not one.busy


def _handed_out(
    free: Decimal, stands: Iterable[Stand], goals: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """New figures out of the pieces that nobody has. A figure costs all of itself until settled."""
    needy = {
        one.channel: one
        for one in stands
        if not one.busy and (one.wrong or goals[one.channel] > one.least)
    }
    while needy:
        parts = apportion(
            free,
            {name: max(float(goals[name] - one.least), 0.0) for name, one in needy.items()},
            {name: goals[name] for name in needy},
        )
        poor = [
            name
            for name, one in needy.items()
            if parts[name] - one.least < max(1, int(goals[name] / 4) if one.least else 1)
        ]
        if not poor:
            return parts
        del needy[max(poor, key=lambda name: (needy[name].least, name))]
    return {}


def _withdrawn(excess: Decimal, stands: Iterable[Stand]) -> dict[str, Decimal]:
    """Take so much back at once, from as few as possible, and no more than must be."""
    out: dict[str, Decimal] = {}
    there = [one for one in stands if one.most > 0 and one.bound != 0]
    while excess > 0 and there:
        enough = [one for one in there if _gain(one) >= excess]
        one = min(enough, key=_gain) if enough else max(there, key=_gain)
        there.remove(one)
        if _gain(one) > 0:
            out[one.channel] = ZERO
            excess -= _gain(one)
    return out


def _gain(one: Stand) -> Decimal:
    return one.most if one.bound is None else min(one.most, one.bound)


def _moved(
    wanted: Decimal,
    stands: Iterable[Stand],
    goals: Mapping[str, Decimal],
    out: Mapping[str, Decimal],
) -> dict[str, Decimal]:
    """Tell 0 to those who have too much and will not sell it by themselves in time."""
    taken: dict[str, Decimal] = {}
    donors = [
        one
        for one in stands
        if one.channel not in out and not one.busy and one.bound is None and one.most >= 1
        if (one.most > goals[one.channel] and one.cover_s > 2 * one.move_s)
        or (one.least < 1 and one.idle_s > one.move_s)
    ]
    for one in sorted(donors, key=lambda one: (-one.cover_s, -one.most, one.channel)):
        if wanted <= 0:
            break
        taken[one.channel] = ZERO
        wanted -= one.most
    return taken
