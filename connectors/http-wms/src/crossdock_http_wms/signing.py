"""Standard Webhooks, both ways: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

Signed is `id.timestamp.body` by HMAC-SHA256, version `v1`; secrets are `whsec_` and the base64 of
24 to 64 bytes. Source: standard-webhooks/standard-webhooks, spec/standard-webhooks.md.

A call of ours has its method and its target in its id (`PUT /v1/fulfillment-orders/… cmd_…`): so
that a signature over an empty body is good for one address alone.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

from crossdock.errors import AuthError

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"
PREFIX = "whsec_"
TOLERANCE_S = 300
"""How old, or how far ahead of our clock, a message may be."""
MOST_SIGNATURES = 10
"""Several stand in the header while a secret is being changed; more are somebody's nonsense."""
MAX_ID = 200


def key_of(secret: str) -> bytes:
    """The bytes of a secret. ValueError says what is wrong with it, and never shows it."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"must begin with {PREFIX}: Standard Webhooks")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"what follows {PREFIX} must be base64") from None
    if not 24 <= len(key) <= 64:
        raise ValueError(f"the base64 must stand for 24 to 64 bytes, not {len(key)}")
    return key


def _key(secret: str) -> bytes:
    """As `key_of`; one that is none, which no configuration lets pass, signs nothing of worth."""
    try:
        return key_of(secret)
    except ValueError:
        return secret.encode("utf-8", "surrogatepass")


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, as it stands in the header."""
    covered = f"{message_id}.{timestamp}.".encode() + body
    mac = hmac.digest(_key(secret), covered, "sha256")
    return f"v1,{base64.b64encode(mac).decode()}"


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers."""
    return {
        ID: message_id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: signature(secret, message_id, timestamp, body),
    }


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """The message's id. AuthError says what is wrong; `now` is our clock, in seconds."""
    message_id = headers.get(ID, "")
    if not (0 < len(message_id) <= MAX_ID and message_id.isascii() and message_id.isprintable()):
        raise AuthError(f"the header {ID} is missing, or not 1 to {MAX_ID} printable characters")
    stamp = headers.get(TIMESTAMP, "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise AuthError(f"the header {TIMESTAMP} is missing, or not in whole seconds since 1970")
    given = headers.get(SIGNATURE, "").split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]
    genuine = False
    for secret in secrets:
        right = signature(secret, message_id, int(stamp), body).encode()
        for one in given:
            genuine |= hmac.compare_digest(right, one.encode("utf-8", "surrogatepass"))
    if not genuine:
        raise AuthError(
            f"the header {SIGNATURE} is missing or does not fit: sign id.timestamp.body with the "
            "connection's webhook_secret, over the bytes as they are sent"
        )
    late_s = now - int(stamp)
    if abs(late_s) > TOLERANCE_S:
        how = "old" if late_s > 0 else "in the future"
        raise AuthError(
            f"the message is {abs(late_s):.0f} s {how}, at most {TOLERANCE_S} s are allowed: "
            f"set {TIMESTAMP} anew at each try, and set the clock by NTP"
        )
    return message_id
