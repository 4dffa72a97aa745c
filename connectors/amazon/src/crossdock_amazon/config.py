"""What an integrator writes to connect one Amazon account."""

import crossdock
from pydantic import Field, HttpUrl, SecretStr


class AmazonConfig(crossdock.Config):
    """One account."""

    url: HttpUrl
    """The address of the API: `https://api.amazon.example/v1`."""
    client_id: str = Field(min_length=1)
    """The id of the app."""
    client_secret: SecretStr = Field(min_length=1)
    """The app's secret, by which it is given tokens."""
    webhook_secret: SecretStr = Field(min_length=1)
    """What webhooks are signed with (HMAC-SHA256)."""
    page_size: int = Field(default=100, ge=1, le=500)
    """Records read at once while polling."""
