"""The ledger of searches: every trial that was ever run against a data set, counted by the machine.

It lies under ``CATALYST_HOME`` and never in a run's folder: how often data was asked is a fact
about the searcher, not about the run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Literal, TypeAlias

from catalyst.data.settings import settings
from catalyst.errors import OutputError

_BUSY_S = 60.0
_VERSION = 1
_TABLE = """(
    trial_id TEXT NOT NULL, lake TEXT NOT NULL, data_digest TEXT NOT NULL,
    params_hash TEXT NOT NULL, score_hash TEXT NOT NULL, variant TEXT NOT NULL,
    timeframe TEXT NOT NULL, first_day INTEGER NOT NULL, last_day INTEGER NOT NULL,
    n_sessions INTEGER NOT NULL, sharpe REAL, skewness REAL, kurtosis REAL,
    excess_sharpe REAL, n_trades INTEGER NOT NULL, returns BLOB NOT NULL, asked TEXT NOT NULL,
    PRIMARY KEY (trial_id, lake)
) WITHOUT ROWID"""
_SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS trials {_TABLE}",
    "CREATE INDEX IF NOT EXISTS trials_by_lake ON trials (lake, last_day)",
    """CREATE TABLE IF NOT EXISTS sessions (
    data_digest TEXT NOT NULL, day INTEGER NOT NULL, bars TEXT NOT NULL,
    PRIMARY KEY (data_digest, day, bars)
) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS sessions_by_bars ON sessions (bars, data_digest)",
)
# Files of before versions were written: a trial had one folder, and what was asked wasn't kept.
_OLD = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'trials'"


class Default(Enum):
    """Mark the ledger that stands under ``CATALYST_HOME``."""

    DEFAULT = "default"


DEFAULT: Literal[Default.DEFAULT] = Default.DEFAULT

NOTHING_ASKED = ""
"""What `Trial.asked` is where all symbols and sources were taken."""


@dataclass(frozen=True)
class Trial:
    """Hold one trial: parameters that were replayed over a span of data.

    Attributes
    ----------
    trial_id
        Function of parameters, data, timeframe, span, symbols and sources: the same question asked
        again is the same trial.
    lake
        Hash of the lake's folder.
    data_digest, params_hash, variant, timeframe
        As in the run's summary.
    score_hash
        Hash of what shapes the scores: trials that differ in exits and sizes share it.
    first_day, last_day, n_sessions
        The span, days since 1970, and the sessions in it.
    sharpe
        Mean over standard deviation of the returns by session, not annualised; None without
        variance.
    skewness, kurtosis
        Of the returns by session; kurtosis is raw (3 for a normal distribution); None without
        variance.
    excess_sharpe
        As `sharpe`, of the returns beside the market held with as much money.
    n_trades
        Entries.
    returns
        float64[n_sessions], little-endian: simple returns of equity by session.
    asked
        Hash of the symbols and sources that were asked for, which are a choice as scores
        are; `NOTHING_ASKED` for all of them.
    """

    trial_id: str
    lake: str
    data_digest: str
    params_hash: str
    score_hash: str
    variant: str
    timeframe: str
    first_day: int
    last_day: int
    n_sessions: int
    sharpe: float | None
    skewness: float | None
    kurtosis: float | None
    excess_sharpe: float | None
    n_trades: int
    returns: bytes
    asked: str = NOTHING_ASKED


_NAMES = tuple(f.name for f in fields(Trial))
_COLUMNS = ", ".join(_NAMES)
_INSERT = f"INSERT OR REPLACE INTO trials ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608 - names of our own fields
# A trial bears on sessions that it saw: those of the same folder, or with bars of the same bytes.
_BEARING = f"""
SELECT {_COLUMNS} FROM trials t WHERE t.last_day >= :first AND t.first_day <= :last AND (
    t.lake = :lake OR t.data_digest IN (
        SELECT theirs.data_digest FROM sessions own JOIN sessions theirs ON own.bars = theirs.bars
        WHERE own.data_digest = :digest AND own.day BETWEEN :first AND :last
          AND theirs.day BETWEEN t.first_day AND t.last_day
    )
) ORDER BY trial_id, t.lake = :lake
"""  # noqa: S608 - names of our own fields


class SearchLedger:
    """Count trials in one sqlite file, shared by processes.

    Parameters
    ----------
    path
        The file; made with its folders when it is first written to.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def record(
        self, trials: Sequence[Trial], sessions: Sequence[tuple[str, int, str]] = ()
    ) -> None:
        """Count trials, all or none; one that is there already for its folder is replaced.

        Parameters
        ----------
        trials
            In any order; perhaps none.
        sessions
            Data digest, day and hash of the bars of each session that the data holds.

        Raises
        ------
        OutputError
            If the file can't be written.
        """
        if not trials and not sessions:
            return
        with self._open() as connection:
            connection.executemany(_INSERT, map(astuple, trials))
            connection.executemany("INSERT OR IGNORE INTO sessions VALUES (?, ?, ?)", sessions)

    def knows(self, data_digest: str) -> bool:
        """Tell whether the sessions of some data are on record."""
        if not self.path.exists():
            return False
        with self._open() as connection:
            query = "SELECT 1 FROM sessions WHERE data_digest = ? LIMIT 1"
            return connection.execute(query, (data_digest,)).fetchone() is not None

    def bearing(self, lake: str, data_digest: str, first_day: int, last_day: int) -> list[Trial]:
        """Return the trials that saw at least one of these sessions, each once, ascending by id.

        One that was run in several folders, copies of each other, is the one of this folder.

        Parameters
        ----------
        lake
            Hash of the lake's folder.
        data_digest
            Of the data as it is now.
        first_day, last_day
            The span, days since 1970, both included.
        """
        if not self.path.exists():
            return []
        asked = {"lake": lake, "digest": data_digest, "first": first_day, "last": last_day}
        with self._open() as connection:
            found = (Trial(*row) for row in connection.execute(_BEARING, asked))
            return list({trial.trial_id: trial for trial in found}.values())

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_BUSY_S)) as connection:
                self._prepare(connection)
                with connection:
                    yield connection
        except (OSError, sqlite3.Error) as error:
            raise OutputError(
                f"the ledger of searches {self.path} can't be used ({error}): without it a search "
                "can't be told from one lucky run; make the file writable, or set CATALYST_HOME to "
                "a folder that is"
            ) from None

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if _version(connection) == _VERSION:
            return
        with connection:
            # Another process may do the same at this moment: who waited finds it done.
            connection.execute("BEGIN IMMEDIATE")
            version = _version(connection)
            if version > _VERSION:
                raise OutputError(
                    f"the ledger of searches {self.path} is of version {version}, written by a "
                    f"newer catalyst, and this one knows {_VERSION}; update catalyst, or name "
                    "another file with CATALYST_LEDGER"
                )
            if version == _VERSION:
                return
            if connection.execute(_OLD).fetchone() is not None:
                _move_old(connection)
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _move_old(connection: sqlite3.Connection) -> None:
    old = _NAMES[:-1]
    connection.execute(f"CREATE TABLE moved {_TABLE}")
    connection.execute(
        f"INSERT INTO moved ({_COLUMNS}) SELECT {', '.join(old)}, '{NOTHING_ASKED}' FROM trials"  # noqa: S608 - names of our own fields
    )
    connection.execute("DROP TABLE trials")
    connection.execute("ALTER TABLE moved RENAME TO trials")


Counting: TypeAlias = SearchLedger | Literal[Default.DEFAULT] | None
"""Where trials are counted: a ledger, the default one, or nowhere."""


def default_ledger() -> SearchLedger:
    """Return the ledger of this ``CATALYST_HOME``, or the file that ``CATALYST_LEDGER`` names."""
    told = settings().catalyst_ledger
    return SearchLedger(told or settings().catalyst_home / "ledger" / "trials.sqlite")


def ledger_of(counting: Counting) -> SearchLedger | None:
    """Return the ledger that is meant."""
    return default_ledger() if isinstance(counting, Default) else counting
