"""The ledger's engine: whole transactions as plain functions, on SQLite or PostgreSQL.

A transaction is a function of one SQLAlchemy Connection. On SQLite one thread runs them all and
commits as many as are waiting at once (group commit): with `synchronous=FULL` the disk allows a few
hundred commits a second, and any number of rows in each. On PostgreSQL they run side by side.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import sqlalchemy as sa
from crossdock.errors import ConfigError, UnavailableError
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from crossdock_stages.ledger.migrate import upgrade

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

log = logging.getLogger("crossdock.ledger")

T = TypeVar("T")
Work = Callable[[Connection], T]
COLLISIONS = frozenset({"23505", "40001", "40P01"})
"""PostgreSQL's words for: unique violation, serialisation failure, deadlock."""
GROUP_LIMIT = 64
"""At most so many transactions share one commit."""
GROUP_S = 0.02
"""None joins a commit that has been going on for so long: whoever is in it waits for all of it."""


@dataclass(frozen=True)
class Soon(Generic[T]):
    """Work that somebody outside waits for: it goes before all that waits already.

    So that a sender's webhook is answered before the line's next hundred orders are judged.
    """

    work: Work[T]

    def __call__(self, tx: Connection) -> T:
        """See `Work`."""
        return self.work(tx)


class Ledger(Protocol):
    """What the stages use. UnavailableError: the database is down, full or locked."""

    url: str

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one durable transaction; its effects are on disk when this returns."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Run `work`, which changes nothing, on a snapshot."""
        ...


@asynccontextmanager
async def open_ledger(url: str, *, create: bool = True) -> AsyncIterator[Ledger]:
    """Open, bring the schema up to date, and close at the end.

    `sqlite:///path` (relative to the working directory), or `postgresql://…`. ConfigError for any
    other URL, and without `create` for a file that is not there; UnavailableError when the
    database cannot be reached.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            "the ledger's url is no database URL: write sqlite:///var/ledger.db or postgresql://…"
        ) from error
    if parsed.drivername == "sqlite":
        if not create:
            _must_exist(Path(parsed.database or ""))
        ledger = SqliteLedger(url)
        try:
            await ledger.start()
            yield ledger
        finally:
            await ledger.close()
    elif parsed.drivername in {"postgresql", "postgres"}:
        async with open_postgres(url) as postgres:
            yield postgres
    else:
        raise ConfigError(
            f"ledger url starts with {parsed.drivername!r}; write sqlite:///… or postgresql://…"
        )


def _must_exist(path: Path) -> None:
    if not path.exists():
        raise ConfigError(f"there is no ledger at {path}: nothing ran here yet")


class SqliteLedger:
    """One writer thread with group commit, one reader thread; WAL, `synchronous=FULL`."""

    def __init__(self, url: str) -> None:
        self.url = url
        database = make_url(url).database
        if not database or database == ":memory:":
            raise ConfigError(
                "a ledger in memory would forget: name a file, sqlite:///var/ledger.db"
            )
        self._path = Path(database)
        self._writes = _Jobs()
        self._reads = _Jobs()
        self._threads: list[threading.Thread] = []
        self._engine: Engine | None = None

    async def start(self) -> None:
        """Open the file, migrate, start the threads."""
        await asyncio.to_thread(self._open)
        for target, name in ((self._run_writer, "writer"), (self._run_reader, "reader")):
            thread = threading.Thread(target=target, name=f"ledger {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._path.exists():
                self._path.touch(mode=0o600)  # it will hold customers' names and addresses
        except OSError as error:
            raise _unavailable(error) from error
        engine = sa.create_engine(
            f"sqlite:///{self._path}",
            poolclass=sa.pool.QueuePool,
            connect_args={
                "check_same_thread": False,
                "timeout": 30,
                "isolation_level": None,
                "cached_statements": 512,
            },
        )
        event.listen(engine, "connect", _sqlite_settings)
        event.listen(engine, "begin", _begin)
        self._engine = engine
        try:
            with engine.begin() as connection:
                upgrade(connection)
        except SQLAlchemyError as error:
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Finish what is queued, then close."""
        self._writes.end()
        self._reads.end()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        if self._engine is not None:
            self._engine.dispose()

    async def write(self, work: Work[T]) -> T:
        """See `Ledger.write`."""
        return await asyncio.wrap_future(self._writes.put(work))

    async def read(self, work: Work[T]) -> T:
        """See `Ledger.read`."""
        return await asyncio.wrap_future(self._reads.put(work))

    def _run_writer(self) -> None:
        assert self._engine is not None
        desk = _Desk(self._engine)
        while (first := self._writes.take()) is not None:
            if not first[1].set_running_or_notify_cancel():
                continue
            if self._writes.waiting:
                _commit_group(desk, first, self._writes)
            else:
                _do_alone(desk, *first)
        desk.clear()

    def _run_reader(self) -> None:
        assert self._engine is not None
        desk = _Desk(self._engine, crossdock_reads=True)
        while (job := self._reads.take()) is not None:
            if job[1].set_running_or_notify_cancel():
                _do_alone(desk, *job)
        desk.clear()


_Job = tuple[Work[Any], Future[Any]]


class _Jobs:
    """What waits for a thread: `Soon` first, everything else in its turn."""

    def __init__(self) -> None:
        self._soon: deque[_Job] = deque()
        self._others: deque[_Job] = deque()
        self._tokens: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """One for each job, and False for the end."""
        self._ended = False

    def put(self, work: Work[T]) -> Future[T]:
        """Its answer. UnavailableError after the end, when no thread would ever come to it."""
        if self._ended:
            raise UnavailableError("the ledger is closed", outcome="not_sent")
        future: Future[T] = Future()
        (self._soon if isinstance(work, Soon) else self._others).append((work, future))
        self._tokens.put(True)
        return future

    def end(self) -> None:
        """There will be no more."""
        self._ended = True
        self._tokens.put(False)

    @property
    def waiting(self) -> bool:
        """Whether another job waits."""
        return bool(self._soon or self._others)

    def take(self) -> _Job | None:
        """The next one, waited for; None at the end."""
        return self._next() if self._tokens.get() else None

    def one_that_waits(self) -> list[_Job]:
        """The next one whose answer is still awaited, or none when none waits."""
        while True:
            try:
                more = self._tokens.get_nowait()
            except queue.Empty:
                return []
            if not more:
                self._tokens.put(False)  # for `take`
                return []
            job = self._next()
            if job[1].set_running_or_notify_cancel():
                return [job]

    def _next(self) -> _Job:
        return self._soon.popleft() if self._soon else self._others.popleft()


class _Desk:
    """One thread's connection, kept from one transaction to the next until a fault."""

    def __init__(self, engine: Engine, **options: bool) -> None:
        self._engine = engine
        self._options = options
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commits at the end. Whatever SQLAlchemy says makes the next one start afresh."""
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(**self._options)
        try:
            with self._connection.begin():
                yield self._connection
        except SQLAlchemyError:
            self.clear()
            raise

    def clear(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()


def _commit_group(desk: _Desk, first: _Job, jobs: _Jobs) -> None:
    """Each in its own savepoint, all in one commit; nobody is answered before it.

    What comes while the ones before are carried out joins them, for GROUP_S. Whoever no longer
    waits when its turn comes is left out; from then on it cannot leave.
    """
    group = [first]
    answers: list[tuple[Future[Any], Any, BaseException | None]] = []
    give_up_at = time.monotonic() + GROUP_S
    try:
        with desk.transaction() as connection:
            while len(answers) < len(group):
                work, future = group[-1]
                try:
                    with _savepoint(connection):
                        answers.append((future, work(connection), None))
                except DBAPIError as error:
                    if _is_fatal(error):
                        raise
                    answers.append((future, None, _unavailable(error)))
                except Exception as error:  # noqa: BLE001 - handed to whoever awaits it
                    answers.append((future, None, error))
                if len(group) < GROUP_LIMIT and time.monotonic() < give_up_at:
                    group += jobs.one_that_waits()
    except Exception as error:  # noqa: BLE001 - this thread must outlive every fault
        fault = _unavailable(error)
        for _, future in group:
            future.set_exception(fault)
        return
    for future, value, failed in answers:
        if failed is not None:
            future.set_exception(failed)
        else:
            future.set_result(value)


def _do_alone(desk: _Desk, work: Work[Any], future: Future[Any]) -> None:
    """Alone it needs no savepoint."""
    try:
        with desk.transaction() as connection:
            value = work(connection)
    except SQLAlchemyError as error:
        future.set_exception(_unavailable(error))
    except Exception as error:  # noqa: BLE001 - handed to whoever awaits it
        future.set_exception(error)
    else:
        future.set_result(value)


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    """What happens inside happens wholly or not at all; SQLAlchemy's own takes 60 µs more."""
    driver = sqlite_driver(connection)
    with told("SAVEPOINT"):
        driver.execute("SAVEPOINT one")
    try:
        yield
    except BaseException:
        if driver.in_transaction:  # else the fault has ended it as a whole
            with told("ROLLBACK TO"):
                driver.execute("ROLLBACK TO one")
                driver.execute("RELEASE one")
        raise
    with told("RELEASE"):
        driver.execute("RELEASE one")


def sqlite_driver(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection, within the transaction at hand."""
    driver: Any = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


@contextmanager
def told(text: str) -> Iterator[None]:
    """The driver's errors as SQLAlchemy would have told them."""
    try:
        yield
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, None, error, sqlite3.Error) from error


class PostgresLedger:
    """Transactions side by side on a pool, through asyncpg."""

    def __init__(self, url: str, engine: "AsyncEngine") -> None:
        self.url = url
        self._engine = engine

    async def write(self, work: Work[T]) -> T:
        """See `Ledger.write`. Of two runners that collide, the later one is run again."""
        for last in (False, False, True):
            try:
                with _faults():
                    async with self._engine.begin() as connection:
                        return await connection.run_sync(work)
            except UnavailableError as error:
                if last or error.parts.get("sqlstate") not in COLLISIONS:
                    raise
        raise AssertionError

    async def read(self, work: Work[T]) -> T:
        """See `Ledger.read`."""
        with _faults():
            async with self._engine.connect() as connection:
                options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                await connection.execution_options(**options)
                return await connection.run_sync(work)


@asynccontextmanager
async def open_postgres(url: str) -> AsyncIterator[PostgresLedger]:
    """A ledger on PostgreSQL 14 or later. UnavailableError when it cannot be reached."""
    from sqlalchemy.ext.asyncio import create_async_engine  # 6 MB that SQLite does not need

    target = make_url(url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(target, pool_size=10, max_overflow=10, pool_pre_ping=True)
    ledger = PostgresLedger(url, engine)
    try:
        await ledger.write(upgrade)
        yield ledger
    finally:
        await engine.dispose()


def inserting(connection: Connection) -> Any:
    """The dialect's `insert`, which knows ON CONFLICT; both dialects share its methods."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgres_insert

        return postgres_insert
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert


def upsert(connection: Connection, table: sa.Table) -> Any:
    """The dialect's INSERT … ON CONFLICT."""
    return inserting(connection)(table)


def _sqlite_settings(connection: Any, _: object) -> None:
    raw = cast("sqlite3.Connection", connection)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("PRAGMA foreign_keys=ON")
    raw.execute("PRAGMA cache_size=-16384")
    # what a savepoint would undo is kept in memory: as a file it was a third of all writes
    raw.execute("PRAGMA temp_store=MEMORY")
    # ids are spread over the whole file, so pages changed by several batches are written once
    raw.execute("PRAGMA wal_autocheckpoint=4000")


_READS = {"crossdock_reads": True}


def _begin(connection: Connection) -> None:
    """A writer takes the lock at once; a reader takes none and sees one snapshot."""
    reads = connection.get_execution_options().get("crossdock_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _is_fatal(error: DBAPIError) -> bool:
    """Faults of the file, not of the statement: the whole group fails."""
    text = str(error.orig).lower()
    return any(word in text for word in ("disk", "full", "i/o", "locked", "readonly", "malformed"))


@contextmanager
def _faults() -> Iterator[None]:
    """Say in our words what PostgreSQL, its driver or the network said."""
    import asyncpg

    try:
        yield
    except (
        SQLAlchemyError,
        OSError,
        asyncpg.PostgresError,  # from connecting, which SQLAlchemy does not translate
        asyncpg.InterfaceError,
    ) as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> UnavailableError:
    original = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None)
    return UnavailableError(
        f"the ledger failed: {original}", outcome="failed", parts={"sqlstate": state}
    )
