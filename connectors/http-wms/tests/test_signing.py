"""Standard Webhooks, as its reference libraries have it."""

from typing import Any

import pytest
from crossdock.errors import AuthError
from crossdock_http_wms.config import HttpWmsConfig
from crossdock_http_wms.sandbox import SECRETS
from crossdock_http_wms.signing import ID, SIGNATURE, TIMESTAMP, key_of, sign, verify
from pydantic import ValidationError

# the example of the reference libraries (standard-webhooks/standard-webhooks, MIT)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
NOW = 1614265330
BODY = b'{"test": 2432232314}'
OTHER = SECRETS["what we sign with"]


def test_the_reference_example() -> None:
    headers = sign(SECRET, MESSAGE, NOW, BODY)
    assert headers[SIGNATURE] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert verify([SECRET], headers, BODY, NOW + 299) == MESSAGE


def test_one_of_several_signatures_and_secrets_will_do() -> None:
    headers = sign(SECRET, MESSAGE, NOW, BODY)
    new = sign(OTHER, MESSAGE, NOW, BODY)[SIGNATURE]
    both = {**headers, SIGNATURE: f"v1a,ignored {new} {headers[SIGNATURE]}"}
    assert verify([SECRET], both, BODY, NOW) == MESSAGE
    assert verify([OTHER, SECRET], headers, BODY, NOW) == MESSAGE


@pytest.mark.parametrize(
    ("changes", "now", "words"),
    [
        ({ID: ""}, NOW, "webhook-id is missing"),
        ({ID: "other"}, NOW, "does not fit"),
        ({TIMESTAMP: "now"}, NOW, "whole seconds"),
        ({TIMESTAMP: str(NOW + 1)}, NOW, "does not fit"),
        ({SIGNATURE: ""}, NOW, "does not fit"),
        ({}, NOW + 301, "301 s old"),
        ({}, NOW - 301, "301 s in the future"),
    ],
)
def test_what_is_refused(changes: dict[str, str], now: int, words: str) -> None:
    headers = {**sign(SECRET, MESSAGE, NOW, BODY), **changes}
    with pytest.raises(AuthError, match=words):
        verify([SECRET], headers, BODY, now)


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "must begin with whsec_"),
        ("whsec_short", "must be base64"),
        ("whsec_c2hvcnQ=", "24 to 64 bytes, not 5"),
    ],
)
def test_a_secret_is_one(secret: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        key_of(secret)


def test_both_directions_have_a_secret_of_their_own() -> None:
    given: dict[str, Any] = {"url": "https://wms.example.com", "signing_secret": SECRET}
    with pytest.raises(ValidationError, match="must differ"):
        HttpWmsConfig(**given, webhook_secret=SECRET)
    assert HttpWmsConfig(**given, webhook_secret=OTHER).page_size == 100
