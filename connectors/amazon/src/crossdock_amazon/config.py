"""What an integrator writes to connect one Amazon seller account in one region."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

import crossdock
from pydantic import AwareDatetime, Field, HttpUrl, SecretStr, ValidationInfo, field_validator

Carrier = Annotated[str, Field(min_length=1, max_length=60)]


class AmazonConfig(crossdock.Config):
    """One seller account, spoken to as one application."""

    url: HttpUrl
    """The region's endpoint: `https://sellingpartnerapi-eu.amazon.com`, `-na` or `-fe`."""
    token_url: HttpUrl = HttpUrl("https://api.amazon.com/auth/o2/token")
    """Where Login with Amazon gives access tokens."""
    client_id: str = Field(min_length=1)
    """The application's client id (`amzn1.application-oa2-client…`)."""
    client_secret: SecretStr = Field(min_length=1)
    """The application's client secret."""
    refresh_token: SecretStr = Field(min_length=1)
    """The seller's refresh token (`Atzr|…`), given when the seller authorised the application."""
    seller_id: str = Field(min_length=1, max_length=64)
    """The seller's id (merchant token)."""
    marketplaces: tuple[str, ...] = Field(min_length=1, max_length=50)
    """Ids of the marketplaces that are read and stocked: `[A1PA6795UKMFR9]`. Stock and listings
    are written to the first and to all others alike."""
    aws_access_key_id: str = ""
    """The AWS access key of a user who may receive from and delete in the queue, nothing else."""
    aws_secret_access_key: SecretStr | None = Field(default=None, min_length=1)
    """Its secret."""
    aws_session_token: SecretStr | None = Field(default=None, min_length=1)
    """Only with temporary credentials."""
    queue_url: HttpUrl | None = None
    """The SQS queue that Amazon's notifications go to. Without it, news come by the sweep alone,
    which Amazon's rates keep slow."""
    queue_region: str = Field(default="eu-central-1", pattern="^[a-z0-9-]{3,30}$")
    """The AWS region of the queue, which its requests are signed for."""
    visibility_s: int = Field(default=120, ge=0, le=43_200)
    """How long a received notification is hidden from other readers of the queue, in seconds. It
    is deleted at the poll after its record has been stored; without that it comes again then."""
    channels: dict[str, Carrier] = Field(default_factory=lambda: {"WH": "DEFAULT"})
    """Our name of a place to Amazon's fulfilment channel code: whose stock is offered there.
    `DEFAULT` is the merchant's own; multi-location sellers have one code for each source."""
    fba_location: str = Field(default="FBA", min_length=1, max_length=64)
    """Our name of the place where Amazon keeps the seller's goods."""
    carriers: dict[str, Carrier] = Field(default_factory=dict)
    """What a carrier of ours is called at Amazon: `{"dhl-paket": "DHL"}`. One that is not listed
    and whose name Amazon does not have goes as `Other` with its name."""
    sweep_every_s: int = Field(default=900, ge=0, le=86_400)
    """How often orders that changed are searched for whoever told of them or not. Amazon allows
    one search in 178 s over time, 20 at once."""
    overlap_s: int = Field(default=300, ge=0, le=86_400)
    """How far each sweep reaches back behind the last."""
    page_size: int = Field(default=100, ge=1, le=100)
    """Orders in one page of a search; a page is one of the dear calls, whatever its size."""
    fba_inventory_every_s: int = Field(default=900, ge=-1, le=86_400)
    """How often changed stock at Amazon is read; -1: never."""
    finances_every_s: int = Field(default=3600, ge=-1, le=604_800)
    """How often new transactions and closed statements are read; -1: never."""
    verify_after_s: int = Field(default=900, ge=0, le=86_400)
    """How long after it accepted a stock figure Amazon is asked whether the figure holds."""
    backfill_since: AwareDatetime | None = None
    """Orders bought since then and before the first poll are read once, by the older Orders API
    v0, which reaches further back."""
    restricted_data: bool = False
    """Whether a restricted data token is asked for to read names and addresses by Orders API
    2026-01-01. By v0 it is always."""
    max_connections: int = Field(default=10, ge=1, le=100)
    """Connections to Amazon open at once."""

    @field_validator("queue_url")
    @classmethod
    def _has_a_queue(cls, value: HttpUrl | None, info: ValidationInfo) -> HttpUrl | None:
        if value is None:
            return None
        if urlsplit(str(value)).path in {"", "/"}:
            raise ValueError("a queue's URL ends with its account and name: /123456789012/orders")
        for name in ("aws_access_key_id", "aws_secret_access_key"):
            if name in info.data and not info.data[name]:
                raise ValueError(f"a queue needs {name}")
        return value

    @field_validator("backfill_since")
    @classmethod
    def _is_this_century(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.year < 2000:
            raise ValueError("a time before the year 2000")
        return value
