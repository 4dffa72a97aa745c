"""What Square says, in canonical events. Pure: no network, no clock, no chance."""

from collections.abc import Callable, Iterator

from crossdock import Fact, Ignore, Raw
from crossdock.jsontext import shorten

from crossdock_square import mapping_goods, mapping_money, mapping_orders, topics

ELSEWHERE = "x-crossdock-elsewhere"
"""Set by `receive` where the news is of a place that this connection does not serve."""

_OF: dict[str, Callable[[Raw], Iterator[Fact]]] = {
    topics.ORDER: mapping_orders.translate,
    topics.RETURN: mapping_money.returned,
    topics.REFUND: mapping_money.refund,
    topics.COUNT: mapping_goods.level,
    topics.CHANGE: mapping_goods.change,
    topics.ITEM: mapping_goods.item,
    **dict.fromkeys(topics.PAYMENTS, mapping_money.payment),
    **dict.fromkeys(topics.DISPUTES, mapping_money.dispute),
}


def translate(raw: Raw) -> Iterator[Fact]:
    """The events of one record; see the README for which say what."""
    if raw.headers.get(ELSEWHERE):
        raise Ignore(
            f"of Square's location {shorten(raw.headers[ELSEWHERE])}, which is none of this "
            "connection's `locations`"
        )
    if raw.topic in topics.WAKES:
        family = topics.WAKES[raw.topic]
        raise Ignore(f"it names something only; the next poll reads {family} and tells it whole")
    if raw.topic == topics.BEGAN:
        raise Ignore("from here on Square is read")
    if raw.topic not in _OF:
        raise Ignore(f"the topic {shorten(raw.topic)} is none that we understand")
    yield from _OF[raw.topic](raw)
