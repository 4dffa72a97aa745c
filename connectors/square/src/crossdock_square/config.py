"""What an integrator writes to connect one Square merchant's tills."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import crossdock
from pydantic import AwareDatetime, Field, SecretStr, StringConstraints, field_validator
from pydantic import model_validator as whole

Family = Literal["orders", "refunds", "inventory", "catalog"]
FAMILIES: tuple[Family, ...] = ("catalog", "orders", "refunds", "inventory")
SquareId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_#:-]{1,100}$")]
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SquareConfig(crossdock.Config):
    """One merchant, seen through one application."""

    url: str = "https://connect.squareup.com"
    """The API's address; plain http only to this machine."""
    access_token: SecretStr = Field(min_length=1)
    """The application's access token for this merchant."""
    webhook_key: SecretStr = Field(min_length=1)
    """The signature key of the webhook subscription."""
    locations: dict[str, SquareId] = Field(min_length=1, max_length=10)
    """Our name of a place to Square's location; orders of other places are not read. One search
    takes ten places at most: a merchant with more has several connections."""
    hooks_url: str | None = None
    """The notification URL as it is registered with Square, to the letter, for the signature
    covers it; needed where a proxy rewrites addresses."""
    square_version: str = Field(default="2025-08-20", pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")
    """The API version asked for (`Square-Version`)."""
    sweep: tuple[Family, ...] = FAMILIES
    """What is read by its time of change; leave out what the application may not read."""
    sweep_every_s: float = Field(default=30.0, ge=0.0, le=86_400.0)
    """How often; a webhook has its family read at once. 0: with every poll."""
    overlap_s: float = Field(default=60.0, ge=0.0, le=604_800.0)
    """How far each sweep reaches back behind the last."""
    since: AwareDatetime | None = None
    """The first sweep reads what changed since then; none: since the connection began."""
    page_size: int = Field(default=200, ge=1, le=1000)
    """Records read at once; lists of refunds give 100 at most."""
    max_connections: int = Field(default=10, ge=1, le=200)
    """Connections to Square that may be open at once."""

    @field_validator("url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or (parts.scheme != "https" and not local):
            raise ValueError("write https://connect.squareup.com (or …squareupsandbox.com)")
        return value.rstrip("/")

    @whole(mode="after")
    def _places_differ(self) -> Self:
        if len(set(self.locations.values())) < len(self.locations):
            raise ValueError("locations: two of our places are one location of Square's")
        return self

    @property
    def places(self) -> dict[str, str]:
        """Square's location to our name of the place."""
        return {theirs: ours for ours, theirs in self.locations.items()}
