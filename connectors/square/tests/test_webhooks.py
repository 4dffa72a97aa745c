"""Signatures over the registered address, and whose news it is."""

import json
from typing import Any

import pytest
from crossdock import AuthError, ContractError, Ignore, Raw, Request
from crossdock_square.config import SquareConfig
from crossdock_square.mapping import translate
from crossdock_square.webhooks import receive, sign
from pydantic import ValidationError

PUBLIC, INSIDE = "https://crossdock.example/hooks/till", "http://10.0.0.7:8080/hooks/till"
KEY = "signature-key"


def config(**more: Any) -> SquareConfig:
    given = {"access_token": "t", "webhook_key": KEY, "locations": {"STORE": "L1"}, **more}
    return SquareConfig.model_validate(given)


def told(place: str = "L1", **more: Any) -> bytes:
    payment = {"id": "P1", "order_id": "O1", "location_id": place}
    event = {"type": "payment.updated", "event_id": "E1", "data": {"id": "P1"}, **more}
    event["data"] = {**event["data"], "object": {"payment": payment}}
    return json.dumps(event).encode()


def heard(body: bytes, *, url: str = PUBLIC, signed: str = PUBLIC, **more: Any) -> Raw:
    headers = {"x-square-hmacsha256-signature": sign(KEY, signed, body)}
    return receive(config(**more), Request(url=url, headers=headers, body=body))


def test_square_signs_the_address_before_the_body() -> None:
    """The example of Square's own documentation ("Validate event notifications")."""
    assert sign("asdf1234", "https://example.com/webhook", b'{"hello":"world"}') == (
        "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og="
    )


def test_the_address_is_the_registered_one_behind_a_proxy() -> None:
    body = told()
    assert heard(body).topic == "payment.updated"
    with pytest.raises(AuthError, match="hooks_url"):
        heard(body, url=INSIDE)
    assert heard(body, url=INSIDE, hooks_url=PUBLIC).key == "order:O1"


def test_the_same_event_has_one_id_and_its_order_one_sequence() -> None:
    raw = heard(told())
    assert (raw.key, raw.delivery_id) == ("order:O1", "payment.updated:E1")
    assert heard(told()).delivery_id == raw.delivery_id


def test_news_of_another_place_is_kept_and_says_whose_it_is() -> None:
    raw = heard(told("L9"))
    with pytest.raises(Ignore, match="location 'L9', which is none"):
        list(translate(raw))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type": "x"}', told(type="\u2603")])
def test_a_genuine_message_that_is_no_event_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(ContractError):
        heard(body)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"url": "http://connect.squareup.com"}, "write https"),
        ({"locations": {"A": "L1", "B": "L1"}}, "two of our places"),
        ({"locations": {}}, "at least 1"),
        ({"locations": {f"P{n}": f"L{n}" for n in range(11)}}, "at most 10"),
        ({"square_version": "latest"}, "square_version"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(wrong: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        config(**wrong)
