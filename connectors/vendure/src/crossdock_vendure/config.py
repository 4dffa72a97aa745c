"""What an integrator writes to connect one Vendure server."""

import crossdock
from pydantic import Field, HttpUrl, SecretStr


class VendureConfig(crossdock.Config):
    """One server, one channel."""

    url: HttpUrl
    """The address of the Admin API: `https://shop.example.com/admin-api`."""
    username: str = Field(min_length=1)
    """An administrator who may read orders and products, and write fulfilments, refunds, stock."""
    password: SecretStr = Field(min_length=1)
    """That administrator's password; sessions are opened with it."""
    webhook_secret: SecretStr = Field(min_length=8)
    """What the plug-in signs with: Standard Webhooks, `whsec_` and base64."""
    locations: dict[str, str] = Field(default={"WH": "1"})
    """Our name of a place to the id of Vendure's stock location."""
    page_size: int = Field(default=50, ge=1, le=100)
    """Orders read at once while polling; Vendure allows 100."""
