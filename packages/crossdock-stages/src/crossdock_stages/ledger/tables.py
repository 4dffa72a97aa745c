"""The ledger's tables. Times are epoch seconds; JSON is text, so that two databases agree on it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class _Words(TypeDecorator[str]):
    """What somebody else may have written: cut to fit, without what no database can store."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """A NUL or a lone surrogate becomes U+FFFD."""
        if value is None:
            return None
        limit = getattr(self.impl_instance, "length", None)
        if value.isascii() and "\x00" not in value:
            return value[:limit]
        clean = value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
        return clean[:limit]


class _LongWords(_Words):
    impl = Text
    cache_ok = True


landing = Table(
    "landing",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("connection", String(64), nullable=False),
    Column("topic", _Words(128), nullable=False),
    Column("entity_key", String(255), nullable=False),
    Column("delivery_id", String(255), nullable=False),
    Column("road", String(16), nullable=False, doc="webhook or poll"),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("received_at", Float, nullable=False),
    Column("published_at", Float, nullable=False),
    Column("publishes", Integer, nullable=False, server_default="1"),
    Column("state", String(16), nullable=False, doc="landed, translated, ignored or dead"),
    Column("events", Text, nullable=False, server_default="[]", doc="ids of what it said"),
    Column("reason", _LongWords, nullable=False, server_default=""),
    Column("mode", String(16), nullable=False, server_default=""),
    Column("settled", Boolean, nullable=False, doc="nothing more can be lost of it"),
    UniqueConstraint("connection", "delivery_id"),
    # all that counting by state needs, so that no payload is read for it
    Index("ix_landing_standing", "settled", "state", "published_at"),
    Index("ix_landing_entity", "connection", "entity_key"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("event_id", String(64), primary_key=True),
    Column("type", String(64), nullable=False),
    Column("entity_id", String(64), nullable=False),
    Column("entity_key", String(64), nullable=False),
    Column("connection", String(64), nullable=False),
    Column("revision", String(64), nullable=False),
    Column("landing_id", String(64), nullable=False),
    Column("outcome", String(16), nullable=False, doc="applied or ignored"),
    Column("reason", _LongWords, nullable=False, server_default=""),
    Column("at", Float, nullable=False),
    Index("ix_inbox_entity", "entity_id"),
    Index("ix_inbox_key", "entity_key"),
)

entities = Table(
    "entities",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("connection", String(64), nullable=False, doc="who told it first: its origin"),
    Column("native_id", String(255), nullable=False),
    Column("revision", String(64), nullable=False),
    Column("digest", String(64), nullable=False, doc="of what matters to the targets"),
    Column("state", String(32), nullable=False, server_default=""),
    Column("label", _Words(255), nullable=False, server_default="", doc="what people call it"),
    Column("facts", Text, nullable=False, server_default="", doc="what judgements need, JSON"),
    Column("body", LargeBinary, nullable=False, doc="of the whole, where it is needed again"),
    Column("updated_at", Float, nullable=False),
    Index("ix_entities_label", "label"),
    Index(
        "ix_entities_held",
        "updated_at",
        sqlite_where=text("state = 'held'"),
        postgresql_where=text("state = 'held'"),
    ),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("event_id", String(64), primary_key=True),
    Column("entity_id", String(64), nullable=False),
    Column("verdicts", Text, nullable=False, doc="of each check, in sequence, as JSON"),
    Column("at", Float, nullable=False),
    Index("ix_verdicts_entity", "entity_id"),
)

twins = Table(
    "twins",
    metadata,
    Column("entity_id", String(64), primary_key=True),
    Column("connection", String(64), nullable=False),
    Column("number", _Words(255), nullable=False),
    Column("key", String(64), nullable=False, doc="equal for two orders that look like one"),
    Column("placed_at", Float, nullable=False),
    Index("ix_twins_key", "key"),
    Index("ix_twins_number", "number"),
)

stock = Table(
    "stock",
    metadata,
    Column("sku", _Words(255), primary_key=True),
    Column("location", _Words(255), primary_key=True),
    Column("entity_id", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("sellable", String(64), nullable=False, doc="by the owner's word; a decimal"),
    Column("incoming", String(64), nullable=False),
    Column("unit", String(16), nullable=False),
    Column("counts_orders", Boolean, nullable=False),
    Column("received_at", Float, nullable=False),
)

reservations = Table(
    "reservations",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("line_id", String(255), primary_key=True),
    Column("sku", _Words(255), primary_key=True),
    Column("location", _Words(255), primary_key=True),
    Column("quantity", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("taken_at", Float, nullable=False, doc="0 until the owner of the stock has it"),
    # all that a sum of what is set aside needs, so that no row is read for it
    Index("ix_reservations_aside", "sku", "location", "taken_at", "quantity", "expires_at"),
    Index("ix_reservations_ends", "expires_at"),
)

offers = Table(
    "offers",
    metadata,
    Column("channel", String(64), primary_key=True),
    Column("sku", _Words(255), primary_key=True),
    Column("location", _Words(255), primary_key=True),
    Column("wanted", String(64), nullable=False, doc="what it shall be told"),
    Column("told", String(64), nullable=False, doc="what it was told last; empty: nothing"),
    Column("buffer", String(64), nullable=False, doc="kept back for news on its way"),
    Column("number", Integer, nullable=False, doc="how often it was told"),
    Column("command_id", String(64), nullable=False),
    Column("wanted_at", Float, nullable=False),
    Column("dirty", Boolean, nullable=False, doc="wanted is not told"),
    Index("ix_offers_dirty", "dirty", "wanted_at"),
)

allotments = Table(
    "allotments",
    metadata,
    Column("channel", String(64), primary_key=True),
    Column("sku", _Words(255), primary_key=True),
    Column("location", _Words(255), primary_key=True),
    Column("number", Integer, nullable=False, doc="the telling of the offer that it stands for"),
    Column("most", String(64), nullable=False, doc="it may still sell so much, unheard of"),
    Column("least", String(64), nullable=False, doc="it shows so much at least"),
    Column("bound", String(64), nullable=False, doc="`most` once it is settled; empty: it is"),
    Column("demand", Float, nullable=False, doc="pieces sold of late, as of demand_at"),
    Column("demand_at", Float, nullable=False),
    Column("since", Float, nullable=False, doc="the first sale that was counted"),
    Column("due", Float, nullable=False, doc="look at it again then"),
    Index("ix_allotments_due", "due"),
    Index("ix_allotments_demand", "demand_at"),
)

cross_references = Table(
    "cross_references",
    metadata,
    Column("connection", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("native_id", String(255), primary_key=True),
    Column("canonical_id", String(255), nullable=False),
    Column("at", Float, nullable=False),
    Index("ix_cross_references_canonical", "canonical_id", "connection"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("connection", String(64), nullable=False, doc="the target; empty for events"),
    Column("type", String(64), nullable=False),
    Column("entity_id", String(64), nullable=False),
    Column("entity_key", String(64), nullable=False),
    Column("address", String(255), nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("cause", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("published_at", Float, nullable=False),
    Column("publishes", Integer, nullable=False, server_default="1"),
    Column("state", String(16), nullable=False, doc="open, done, exception or dead"),
    Column("closed_at", Float),
    Index("ix_outbox_standing", "state", "connection", "published_at"),
    Index("ix_outbox_sequence", "connection", "entity_key", "seq"),
    sqlite_autoincrement=True,
)

effects = Table(
    "effects",
    metadata,
    Column("command_id", String(64), primary_key=True),
    Column("connection", String(64), nullable=False),
    Column("type", String(64), nullable=False),
    Column("entity_id", String(64), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("intent_at", Float, nullable=False),
    Column("receipt_at", Float),
    Column("native_id", String(255)),
    Column("changed", Boolean),
    Column("note", _LongWords, nullable=False, server_default=""),
    Index("ix_effects_entity", "entity_id"),
)

waiting = Table(
    "waiting",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("stage", String(16), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("connection", String(64), nullable=False),
    Column("entity_key", String(255), nullable=False),
    Column("place", BigInteger, nullable=False, doc="order within its entity's queue"),
    Column("address", String(255), nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("code", _Words(32), nullable=False),
    Column("reason", _LongWords, nullable=False),
    UniqueConstraint("stage", "message_id"),
    Index("ix_waiting_due", "next_at"),
    Index("ix_waiting_key", "stage", "entity_key", "place"),
    sqlite_autoincrement=True,
)

exceptions = Table(
    "exceptions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("code", _Words(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("connection", String(64), nullable=False),
    Column("entity_id", String(64), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("entity_key", String(255), nullable=False),
    Column("address", String(255), nullable=False),
    Column("message", _LongWords, nullable=False),
    Column("suggestion", _LongWords, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False, doc="open or resolved"),
    Column("opened_at", Float, nullable=False),
    Column("owner", String(64), nullable=False, server_default=""),
    Column("resolved_at", Float),
    Column("resolution", _LongWords, nullable=False, server_default=""),
    UniqueConstraint("stage", "message_id"),
    Index("ix_exceptions_state", "state", "opened_at"),
    Index("ix_exceptions_entity", "entity_id"),
)

desk_log = Table(
    "desk_log",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("case_id", String(64), nullable=False),
    Column("at", Float, nullable=False),
    Column("who", _Words(64), nullable=False),
    Column("what", String(16), nullable=False, doc="assign, retry, resolve, open again"),
    Column("note", _LongWords, nullable=False),
    Index("ix_desk_log_case", "case_id", "seq"),
    sqlite_autoincrement=True,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("stage", String(16), nullable=False),
    Column("connection", String(64), nullable=False),
    Column("topic", _Words(128), nullable=False),
    Column("entity_key", String(255), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("address", String(255), nullable=False),
    Column("reason", _LongWords, nullable=False),
    Column("pointer", _LongWords, nullable=False, server_default=""),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False, doc="open or resolved"),
    Column("at", Float, nullable=False),
    Column("resolved_at", Float),
    Column("resolution", _LongWords, nullable=False, server_default=""),
    UniqueConstraint("stage", "message_id"),
    Index("ix_dead_letters_state", "state", "at"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("connection", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("updated_at", Float, nullable=False),
)

fields = Table(
    "fields",
    metadata,
    Column("connection", String(64), primary_key=True),
    Column("topic", _Words(128), primary_key=True),
    Column("field", _Words(255), primary_key=True, doc="a pattern; empty: the topic itself"),
    Column("told", Boolean, nullable=False, doc="it was news when it came"),
    Column("landing_id", String(64), nullable=False, doc="the first payload that had it"),
    Column("sample", _LongWords, nullable=False, doc="masked; empty where it was not told"),
    Column("payloads", Integer, nullable=False, doc="that had it when it was noted"),
    Column("at", Float, nullable=False),
    Index("ix_fields_told", "told", "at"),
)

claims = Table(
    "claims",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("at", Float, nullable=False),
)

rate_budgets = Table(
    "rate_budgets",
    metadata,
    Column("connection", String(64), primary_key=True),
    Column("bucket", String(64), primary_key=True),
    Column("capacity", Float, doc="empty: no limit is known"),
    Column("rate_per_s", Float, nullable=False),
    Column("remaining", Float, nullable=False, doc="at `at`; below 0: promised already"),
    Column("at", Float, nullable=False),
    Column("resets_at", Float, nullable=False),
    Column("window_s", Float, nullable=False),
    Column("blocked_until", Float, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("grants", BigInteger, nullable=False, doc="how often permits were given out"),
)

breakers = Table(
    "breakers",
    metadata,
    Column("connection", String(64), primary_key=True),
    Column("kind", String(16), nullable=False, doc="away, auth or limited"),
    Column("opened", Integer, nullable=False, doc="times in a row; 0: closed"),
    Column("until", Float, nullable=False),
    Column("reason", _LongWords, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("probed_by", String(64), nullable=False, doc="the runner that tries, while half open"),
    Column("probed_until", Float, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(128), primary_key=True, doc="what one runner alone does"),
    Column("runner", String(64), nullable=False),
    Column("until", Float, nullable=False),
)
