"""What an integrator writes to connect one Vendure account."""

import crossdock
from pydantic import Field, HttpUrl, SecretStr


class VendureConfig(crossdock.Config):
    """One account."""

    url: HttpUrl
    """The address of the API: `https://api.vendure.example/v1`."""
    token: SecretStr = Field(min_length=1)
    """The account's access token."""
    webhook_secret: SecretStr = Field(min_length=1)
    """What webhooks are signed with (HMAC-SHA256)."""
    page_size: int = Field(default=100, ge=1, le=500)
    """Records read at once while polling."""
