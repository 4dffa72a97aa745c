"""What an integrator writes to connect one X12 Wms account."""

import crossdock
from pydantic import Field, HttpUrl, SecretStr


class X12WmsConfig(crossdock.Config):
    """One account."""

    url: HttpUrl
    """The address of the API: `https://api.x12-wms.example/v1`."""
    token: SecretStr = Field(min_length=1)
    """The account's API key."""
    page_size: int = Field(default=100, ge=1, le=500)
    """Records read at once while polling."""
