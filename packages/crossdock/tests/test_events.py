"""Events and the envelope: what is refused at the source, and that headers lose nothing."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from crossdock.canonical import Order, Product
from crossdock.errors import ContractError
from crossdock.events import Command, Envelope, Event, Raw, revision_of
from hypothesis import given
from hypothesis import strategies as st

words = st.text(st.characters(codec="utf-8"), max_size=40)
some = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
envelopes = st.builds(
    Envelope,
    id=some,
    source=some,
    type=some,
    subject=words,
    key=words,
    time=words,
    connection=words,
    revision=words,
    landing=words,
    native=words,
    refs=words,
    topic=words,
    retry=words,
    vendor=words,
    claim=words,
)


@given(envelopes)
def test_headers_round_trip(envelope: Envelope) -> None:
    headers = envelope.headers()
    assert Envelope.read(headers) == envelope
    for name, value in headers.items():
        assert (name + value).isascii()
        assert value.isprintable()
        assert value == value.strip()


def envelope(**fields: str) -> Envelope:
    base = {
        "id": "evt_1",
        "source": "crossdock://test/web",
        "type": "crossdock.order.placed.v1",
        "subject": "ord_1",
        "key": "ord_1",
        "time": "2026-01-31T12:00:00Z",
        "connection": "web",
    }
    return Envelope(**{**base, **fields})


def test_the_name_is_the_type_without_prefix_and_version() -> None:
    assert envelope().name == "order.placed"
    assert envelope().kind == "order"
    assert envelope(type="crossdock.order.placed.v12").name == "order.placed"
    assert envelope(type="nonsense").name == ""


@pytest.mark.parametrize("missing", ["id", "source", "type"])
def test_a_message_without_a_required_header_is_refused(missing: str) -> None:
    headers = envelope().headers()
    del headers[f"ce-{missing}"]
    with pytest.raises(ContractError, match=f"ce-{missing}"):
        Envelope.read(headers)


@pytest.mark.parametrize("headers", [None, {}, {"ce-id": ""}])
def test_no_headers_at_all_are_refused(headers: dict[str, str] | None) -> None:
    with pytest.raises(ContractError):
        Envelope.read(headers)


def test_the_cloudevents_sdk_reads_what_we_write() -> None:
    ours = envelope(native="Bestellung 7 %", topic="orders/create")
    message = HTTPMessage(headers=ours.headers(), body=b'{"a":1}')
    theirs = from_binary(message, JSONFormat(), CloudEvent)
    assert theirs.get_id() == ours.id
    assert theirs.get_source() == ours.source
    assert theirs.get_type() == ours.type
    assert theirs.get_subject() == ours.subject
    assert theirs.get_specversion() == "1.0"
    assert theirs.get_time() == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert theirs.get_extension("partitionkey") == "ord_1"
    assert theirs.get_extension("nativeid") == "Bestellung 7 %"
    assert theirs.get_data() == {"a": 1}


class TestEvent:
    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"type": "order.exploded"}, "there is no event type"),
            ({"type": "order.placed"}, "carries Order, not Product"),
            ({"native_id": ""}, "native_id"),
            ({"native_id": "x" * 256}, "256 characters"),
            ({"revision": -1}, "revision -1"),
            ({"revision": 10**20}, "20 digits"),
            ({"revision": "x" * 65}, "65 characters"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_refuses(self, fields: dict[str, object], says: str) -> None:
        base = {"type": "product.changed", "data": Product(name="x"), "native_id": "1"}
        with pytest.raises(ContractError, match=says):
            Event(**{**base, **fields})

    def test_the_largest_ids_and_revisions_are_taken(self) -> None:
        product = Product(name="x")
        Event(type="product.changed", data=product, native_id="x" * 255, revision=10**20 - 1)
        Event(type="product.changed", data=product, native_id="1", revision="x" * 64)


@given(
    st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2)),
    st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2)),
)
def test_a_revision_sorts_as_its_time(one: datetime, other: datetime) -> None:
    assert (revision_of(one) < revision_of(other)) == (one < other)
    assert len(revision_of(one)) == 27


def test_a_revision_knows_no_zones() -> None:
    there = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert revision_of(there) == "2026-01-01T10:00:00.000000Z"


def test_revision_of_a_moment_as_it_was_read() -> None:
    assert revision_of("2026-01-01T12:00:00.5+02:00") == "2026-01-01T10:00:00.500000Z"


@pytest.mark.parametrize(
    "text", ["2026-02-31T12:00:00Z", "2026-02-03T12:00:00", "0001-01-01T00:00:00+05:30", "soon"]
)
def test_what_is_no_moment_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ContractError, match=r"expected a time such as .*found") as refused:
        revision_of(text)
    assert text in str(refused.value.value)


class TestRaw:
    def test_a_body_becomes_bytes_and_bytes_a_body(self) -> None:
        assert Raw("t", {"a": "ä"}).data == '{"a":"ä"}'.encode()
        assert Raw("t", data=b'{"a":1}').body == {"a": 1}

    def test_a_body_that_is_no_json_says_so(self) -> None:
        with pytest.raises(ContractError, match="the orders/create payload"):
            _ = Raw("orders/create", data=b"<xml/>").body

    def test_its_repr_shows_no_content(self) -> None:
        assert "secret" not in repr(Raw("t", {"a": "secret"}))


def test_a_command_knows_native_ids() -> None:
    command: Command[Order] = Command(
        id="c", type="order.create", data=Product(name="x"), entity_id="e", native_ids={"e": "7"}
    )
    assert command.native_id("e") == "7"
    assert command.native_id("f") is None
    assert command.native_id(None) is None
