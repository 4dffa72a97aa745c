"""What an integrator writes to connect one warehouse that speaks the Crossdock protocol."""

from typing import Annotated, Literal, Self

import crossdock
from pydantic import AfterValidator, Field, HttpUrl, SecretStr, model_validator

from crossdock_http_wms.signing import key_of

ListName = Literal["shipments", "fulfillment-orders", "receipts", "stock"]


def _is_a_key(secret: SecretStr) -> SecretStr:
    key_of(secret.get_secret_value())
    return secret


Secret = Annotated[SecretStr, AfterValidator(_is_a_key)]
"""`whsec_` and the base64 of 24 to 64 random bytes."""


class HttpWmsConfig(crossdock.Config):
    """One warehouse."""

    url: HttpUrl
    """Where the warehouse answers: `https://wms.example.com/crossdock/v1`."""
    signing_secret: Secret
    """What our calls to the warehouse are signed with."""
    webhook_secret: Secret
    """What the warehouse signs its messages to us with; another one than `signing_secret`."""
    webhook_secret_before: Secret | None = None
    """The webhook secret until now, while it is being changed: both are believed."""
    reads: tuple[ListName, ...] = Field(
        default=("shipments", "fulfillment-orders", "receipts", "stock"), min_length=1
    )
    """Which of its lists are read while polling; a warehouse may have fewer."""
    page_size: int = Field(default=100, ge=1, le=500)
    """Messages read at once."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        """A message of ours must not be good as one of theirs when it is sent back to us."""
        if self.signing_secret == self.webhook_secret:
            raise ValueError("signing_secret and webhook_secret must differ")
        return self
