"""What an integrator writes to connect one Http Wms account."""

import crossdock
from pydantic import Field, HttpUrl, SecretStr


class HttpWmsConfig(crossdock.Config):
    """One account."""

    url: HttpUrl
    """The address of the API: `https://api.http-wms.example/v1`."""
    key_id: str = Field(min_length=1)
    """Which key signs our requests."""
    signing_secret: SecretStr = Field(min_length=1)
    """The key: requests are signed with it (HMAC-SHA256)."""
    webhook_secret: SecretStr = Field(min_length=1)
    """What webhooks are signed with (HMAC-SHA256)."""
    page_size: int = Field(default=100, ge=1, le=500)
    """Records read at once while polling."""
