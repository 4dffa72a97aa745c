"""What an integrator writes to connect one warehouse: where files lie, and who the partner is."""

import re
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

import crossdock
from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from crossdock_x12_wms.envelopes import Separators
from crossdock_x12_wms.rules import BUCKETS

Sign = Annotated[str, StringConstraints(min_length=1, max_length=1, pattern=r"^[^A-Za-z0-9 ]$")]
_X12 = re.compile(r"^00(40[1-6]0|50[01]0)[A-Z0-9]{0,6}$")
_EDIFACT = re.compile(r"^D:[0-9]{2}[AB]:UN(:[A-Z0-9]{1,6})?$")


class Party(crossdock.Config):
    """One end of the exchange."""

    id: str = Field(min_length=1, max_length=35)
    """Its interchange identifier: ISA06 or ISA08 (at most 15 characters), UNB S002 or S003."""
    qualifier: str = Field(default="ZZ", min_length=1, max_length=4)
    """What kind of identifier that is: ISA05 or ISA07, UNB 0007 (`14` for a GLN)."""
    group: str = Field(default="", max_length=15)
    """Its application code (GS02 or GS03), where that is not the identifier."""
    name: str = Field(default="", max_length=60)
    """What people call it; written into N1 and NAD."""


class Partner(crossdock.Config):
    """One trading partner: identifiers, version, separators, and how its documents are read."""

    syntax: Literal["x12", "edifact"] = "x12"
    """`x12` (940, 943; 945, 944, 846, 947) or `edifact` (ORDERS; DESADV, RECADV, INVRPT)."""
    version: str = ""
    """`"004010"` to `"005010"`, or `D:96A:UN` with an association code where wanted."""
    us: Party
    """Who we are for the warehouse."""
    them: Party
    """The warehouse."""
    test: bool = False
    """Whether what we send says that it is a test."""
    element: Sign | None = None
    """Element separator that we write: `*` in X12, `+` in EDIFACT."""
    component: Sign | None = None
    """Component separator that we write: `>` in X12, `:` in EDIFACT."""
    segment: Annotated[str, StringConstraints(pattern=r"^([^A-Za-z0-9 ]|\n)$")] | None = None
    """Segment terminator that we write: `~` in X12, `'` in EDIFACT."""
    newlines: bool = False
    """Whether a newline follows each terminator."""
    charset: Literal["ascii", "latin-1", "utf-8"] | None = None
    """What we write in; `utf-8` in X12, `latin-1` (UNOC) in EDIFACT."""
    article: str = Field(default="", max_length=3)
    """Under which qualifier we name articles: `SK` in X12, `SA` in EDIFACT."""
    articles: tuple[str, ...] = ()
    """Qualifiers under which the warehouse names articles by our SKU, the best first."""
    places: dict[str, str] = Field(default_factory=dict)
    """The warehouse's code of a place to our location, where it reports several."""
    units: dict[str, str] = Field(default_factory=dict)
    """Its units to ours, beside PCE, PC and C62 for EA."""
    stock: dict[str, str] = Field(default_factory=dict)
    """Its quantity codes in 846 and INVRPT to our buckets (on_hand, available, damaged …)."""
    timezone: str = "UTC"
    """Whose calendar and clock its dates and times are: `America/Chicago`."""
    lenient: bool = False
    """Take documents whose counts, totals or control numbers do not agree, and note it."""
    acknowledge: bool = True
    """Whether we answer what we receive with 997 or CONTRL."""
    acknowledged_within_h: float | None = Field(default=24.0, gt=0, le=8_760)
    """How soon it acknowledges what we send, in hours; null: it never does."""

    @field_validator("version", mode="before")
    @classmethod
    def _as_people_say_it(cls, told: object) -> object:
        """4010 is 004010."""
        is_number = isinstance(told, int) and not isinstance(told, bool)
        text = str(told) if is_number else told
        return f"00{text}" if isinstance(text, str) and re.fullmatch("[45]0[0-9]0", text) else text

    @field_validator("stock")
    @classmethod
    def _known_buckets(cls, told: dict[str, str]) -> dict[str, str]:
        for code, bucket in told.items():
            if bucket not in BUCKETS:
                raise ValueError(
                    f"{code}: {bucket!r} is no bucket; known: {', '.join(sorted(BUCKETS))}"
                )
        return told

    @model_validator(mode="after")
    def _fits(self) -> "Partner":
        form, example = (
            (_X12, '"004010" to "005010", quoted')
            if self.syntax == "x12"
            else (_EDIFACT, "D:96A:UN")
        )
        if self.version and not form.fullmatch(self.version):
            raise ValueError(f"version {self.version!r} is not {example}")
        if self.syntax == "x12":
            for name, party in (("us", self.us), ("them", self.them)):
                if len(party.id) > 15 or len(party.qualifier) != 2:
                    raise ValueError(
                        f"{name}: an ISA has room for 2 characters of qualifier and 15 of id, "
                        f"found {party.qualifier!r} and {party.id!r}"
                    )
        by = self.separators
        if len({by.element, by.component, by.segment, by.release or "x12"}) < 4:
            raise ValueError("two separators are the same")
        return self

    @property
    def separators(self) -> Separators:
        """What we write with."""
        x12 = self.syntax == "x12"
        return Separators(
            self.element or ("*" if x12 else "+"),
            self.component or (">" if x12 else ":"),
            self.segment or ("~" if x12 else "'"),
            release="" if x12 else "?",
            repetition="^" if x12 else "",
        )

    @property
    def release(self) -> str:
        """The version that we write."""
        return self.version or ("004010" if self.syntax == "x12" else "D:96A:UN")

    @property
    def encoding(self) -> str:
        """The charset that we write in."""
        return self.charset or ("utf-8" if self.syntax == "x12" else "latin-1")


class X12WmsConfig(crossdock.Config):
    """One warehouse."""

    url: str = Field(min_length=1, max_length=1_000)
    """`sftp://user@host:22/folder`, or a folder of this machine: `/srv/edi/dc1`."""
    password: SecretStr | None = Field(default=None, min_length=1)
    """The password at the SFTP server, where it wants one."""
    private_key: SecretStr | None = Field(default=None, min_length=1)
    """Our private key for the SFTP server, in OpenSSH form."""
    host_key: str | None = Field(default=None, pattern=r"^(ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/=]+$")
    """The SFTP server's public key, as `ssh-keyscan` tells it: `ssh-ed25519 AAAA…`, no host."""
    outbox: str = Field(default="to-warehouse", pattern=r"^[^/.][^\x00]*$", max_length=200)
    """Subfolder that we write into and the warehouse reads."""
    inbox: str = Field(default="from-warehouse", pattern=r"^[^/.][^\x00]*$", max_length=200)
    """Subfolder that the warehouse writes into and we read."""
    journal: str = Field(default="journal", min_length=1, max_length=500)
    """Where we keep what was sent and taken: a subfolder, or an absolute folder of this machine."""
    location: str = Field(min_length=1, max_length=255)
    """The deployment's own name of the place: the warehouse."""
    partner: Partner
    """The trading partner."""
    unfinished_after_s: float = Field(default=900.0, gt=0, le=86_400)
    """After so many seconds a file without its end is taken for broken, not for half-written."""

    @field_validator("url")
    @classmethod
    def _a_place(cls, told: str) -> str:
        parts = urlsplit(told)
        if parts.scheme == "sftp":
            if not parts.hostname or not parts.username or parts.password or parts.query:
                raise ValueError(
                    "write sftp://user@host:22/folder, and the password under `password`"
                )
        elif not told.startswith("/"):
            raise ValueError("write sftp://user@host:22/folder, or a folder: /srv/edi/dc1")
        return told

    @model_validator(mode="after")
    def _known_server(self) -> "X12WmsConfig":
        if self.url.startswith("sftp://") and not self.host_key:
            raise ValueError(
                "an SFTP server needs its host_key, or anybody could take its place; "
                "`ssh-keyscan HOST` tells it, and its owner must confirm it"
            )
        return self

    @property
    def server(self) -> tuple[str, int, str, str]:
        """Host, port, user and folder of the SFTP server."""
        parts = urlsplit(self.url)
        user = unquote(parts.username or "")
        return parts.hostname or "", parts.port or 22, user, unquote(parts.path) or "."
