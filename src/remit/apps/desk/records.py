"""The desk's own records in SQLite: customers, past tickets, and what was done for whom, each written once per key."""

import csv
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from remit.apps.desk.mind.words import Corpus
from remit.core.errors import ConfigError

_SEEDS = Path(__file__).parent / "data"
_SCHEMA = 1
_SEARCHED = 2000
_TABLES = """
CREATE TABLE IF NOT EXISTS customers(
  address TEXT PRIMARY KEY, name TEXT NOT NULL, company TEXT NOT NULL, plan TEXT NOT NULL, since TEXT NOT NULL,
  locale TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tickets(
  key TEXT PRIMARY KEY, summary TEXT NOT NULL, body TEXT NOT NULL, resolution TEXT NOT NULL,
  address TEXT NOT NULL DEFAULT '',
  at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE TABLE IF NOT EXISTS interactions(
  key TEXT PRIMARY KEY, address TEXT NOT NULL, kind TEXT NOT NULL, ticket TEXT NOT NULL, summary TEXT NOT NULL,
  at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE INDEX IF NOT EXISTS interactions_by_address ON interactions(address, at);
"""


class Customer(msgspec.Struct, frozen=True):
    """Somebody with a contract."""

    address: str
    name: str
    company: str
    plan: str
    since: str
    """ISO date."""
    locale: str


class PastTicket(msgspec.Struct, frozen=True):
    """A ticket the desk knows about."""

    key: str
    summary: str
    body: str
    resolution: str = ""
    address: str = ""
    """Whose words these are; empty for what was written to be shown to all."""


class Interaction(msgspec.Struct, frozen=True):
    """Something the desk did for somebody."""

    address: str
    kind: str
    """For example "answered", "escalated", "alerted"."""
    ticket: str = ""
    summary: str = ""


@dataclass(frozen=True)
class Records:
    """One database file; every call opens its own connection, so threads and processes may share the file."""

    path: Path

    @classmethod
    def open(cls, path: Path, *, seeds: Path = _SEEDS) -> "Records":
        """The records at `path`, created and filled from `seeds` (customers.csv, tickets.csv) when new."""
        path.parent.mkdir(parents=True, exist_ok=True)
        records = cls(path)
        with records._connected() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > _SCHEMA:
                raise ConfigError(f"{str(path)!r} was written by a newer version of the desk; nothing was changed")
            if version < _SCHEMA:
                _create(connection, seeds)
        return records

    def find_customer(self, address: str) -> Customer | None:
        """The customer with this mail address, or None."""
        with self._connected() as connection:
            row = connection.execute(
                "SELECT address, name, company, plan, since, locale FROM customers WHERE address = ?",
                (address.strip().lower(),),
            ).fetchone()
        return Customer(*row) if row else None

    def search_tickets(self, query: str, *, limit: int = 3) -> tuple[PastTicket, ...]:
        """The past tickets most like `query` by keyword, best first, among the newest two thousand."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT key, summary, body, resolution, address FROM tickets ORDER BY at DESC, key LIMIT ?",
                (_SEARCHED,),
            ).fetchall()
        tickets = [PastTicket(*row) for row in rows]
        corpus = Corpus.of(f"{ticket.summary}\n{ticket.summary}\n{ticket.body}" for ticket in tickets)
        return tuple(tickets[index] for index, _ in corpus.rank(query)[:limit])

    def keep_ticket(self, ticket: PastTicket) -> None:
        """Makes `ticket` a past ticket; one with this key is replaced."""
        with self._connected() as connection:
            connection.execute(
                "INSERT INTO tickets(key, summary, body, resolution, address) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT(key) DO UPDATE SET summary = excluded.summary, body = excluded.body, "
                "resolution = excluded.resolution, address = excluded.address",
                (ticket.key, ticket.summary, ticket.body, ticket.resolution, ticket.address),
            )

    def log_interaction(self, key: str, interaction: Interaction) -> bool:
        """Writes `interaction` down under `key`; False, and nothing changed, when the key was there already."""
        with self._connected() as connection:
            written = connection.execute(
                "INSERT INTO interactions(key, address, kind, ticket, summary) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT(key) DO NOTHING",
                (key, interaction.address.lower(), interaction.kind, interaction.ticket, interaction.summary),
            )
            return written.rowcount == 1

    def has(self, key: str) -> bool:
        """Say whether an interaction was written down under this key."""
        with self._connected() as connection:
            return connection.execute("SELECT 1 FROM interactions WHERE key = ?", (key,)).fetchone() is not None

    def recent(self, kinds: Sequence[str], *, limit: int = 100) -> tuple[Interaction, ...]:
        """What was written down of these kinds, newest first."""
        marks = ", ".join("?" for _ in kinds)
        with self._connected() as connection:
            rows = connection.execute(
                f"SELECT address, kind, ticket, summary FROM interactions WHERE kind IN ({marks}) "
                "ORDER BY at DESC, rowid DESC LIMIT ?",
                (*kinds, limit),
            ).fetchall()
        return tuple(Interaction(*row) for row in rows)

    def interactions(self, address: str, *, limit: int = 20) -> tuple[Interaction, ...]:
        """What was done for `address`, newest first."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT address, kind, ticket, summary FROM interactions WHERE address = ? "
                "ORDER BY at DESC, rowid DESC LIMIT ?",
                (address.strip().lower(), limit),
            ).fetchall()
        return tuple(Interaction(*row) for row in rows)

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection, None, None]:
        try:
            with closing(sqlite3.connect(self.path, timeout=10)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"the desk's records at {str(self.path)!r} cannot be used: {error}") from error


def _create(connection: sqlite3.Connection, seeds: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(_TABLES)
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have been here first: what is there stays.
    connection.executemany(
        "INSERT OR IGNORE INTO customers(address, name, company, plan, since, locale) "
        "VALUES (lower(:address), :name, :company, :plan, :since, :locale)",
        _rows(seeds / "customers.csv"),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO tickets(key, summary, body, resolution) VALUES (:key, :summary, :body, :resolution)",
        _rows(seeds / "tickets.csv"),
    )
    connection.execute(f"PRAGMA user_version = {_SCHEMA}")


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
