"""A run's tables as stories ask for them: rows by id and instant, instants in ns, money exact."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

from catalyst.data.calendar import sessions as exchange_sessions
from catalyst.data.feed import Feed
from catalyst.data.figures import micro_of
from catalyst.data.lake import Lake
from catalyst.errors import InputError
from catalyst.strategy.clock import bar_ends, chooses_active, scan_instants
from catalyst.strategy.money import MICRO
from catalyst.strategy.params import Params
from catalyst.strategy.values import Grid, Session

if TYPE_CHECKING:
    from catalyst.research.result import Result

Row: TypeAlias = dict[str, Any]
"""A row by column; instants int ns UTC, money int micro-dollars."""

_FAR_NS = 2**63 - 1
_MONEY = ("fee", "fees", "pnl", "cash", "positions_value", "equity", "slippage")


class RunBooks:
    """Look rows of a run up.

    Parameters
    ----------
    result
        The run; its lake must be known.

    Raises
    ------
    InputError
        If the run has no lake.
    """

    def __init__(self, result: Result) -> None:
        if result.lake is None:
            raise InputError(
                f"the run {result.folder} was opened without its lake; a story needs headlines and "
                "bars: open it with Result.open(folder, lake)"
            )
        recorded = {*result.signals.columns, *result.fills.columns, *result.summary}
        if not {"scores", "slippage", "asked"} <= recorded:
            raise InputError(
                f"the run {result.folder} was made by an earlier version of catalyst, which did "
                "not record all that a story needs; replay it again"
            )
        self.result = result
        self.params = result.params
        self.lake: Lake = result.lake
        self.summary = result.summary
        self.timeframe: str = self.summary["timeframe"]
        self._candidates: dict[int, list[Row]] = {}
        self._signals: dict[int, list[Row]] = {}
        self._frames: dict[str, pl.DataFrame] = {}

    @cached_property
    def grid(self) -> Grid:
        """Return the grid of the run's base bars."""
        return self.feed_of(self.symbols[:1]).grid

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Return the run's symbol table."""
        asked = self.summary["asked"]["symbols"]
        return tuple(sorted(asked if asked is not None else self.lake.symbols(self.timeframe)))

    def feed_of(self, symbols: Iterable[str] | None) -> Feed:
        """Open the run's lake as the run did, for some symbols; None for all of the run."""
        asked = self.summary["asked"]
        wanted = asked["symbols"] if symbols is None else sorted(set(symbols))
        return Feed(self.lake, self.timeframe, wanted, asked["sources"])

    @cached_property
    def sessions(self) -> list[Session]:
        """Return the run's sessions, ascending."""
        first, last = (dt.date.fromisoformat(self.summary[name]) for name in ("start", "end"))
        table = exchange_sessions(first, last)
        return [Feed.session(day) for day in table]

    def session_at(self, asof_ns: int) -> Session | None:
        """Return the session of the run that an instant lies in, 04:00 to 20:00; else None."""
        at = bisect_right(self.sessions, asof_ns, key=lambda s: s.pre_ns) - 1
        held = at >= 0 and asof_ns <= self.sessions[at].post_ns
        return self.sessions[at] if held else None

    def rules(self, at_ns: int) -> Params:
        """Return the parameters of the session that an instant lies in, or of the last before."""
        if not self.params.by_date:
            return self.params
        at = bisect_right(self.sessions, at_ns, key=lambda s: s.pre_ns) - 1
        return self.params.on(self.sessions[max(at, 0)].day)

    def scans(self, session: Session) -> list[int]:
        """Return the instants of a session at which the whole step scans."""
        return scan_instants(session, self.grid, self.rules(session.pre_ns))

    def chosen_ns(self, session: Session, asof_ns: int) -> int:
        """Return when the first stage was last chosen at or before an instant; -1 if not yet."""
        scans, rules = self.scans(session), self.rules(session.pre_ns)
        choices = [
            at
            for at in scans
            if at <= asof_ns and (self.grid.daily or chooses_active(session, at, rules, scans[0]))
        ]
        return choices[-1] if choices else -1

    def frame(self, table: str) -> pl.DataFrame:
        """Return a table, instants as int64 ns."""
        if table in self._frames:
            return self._frames[table]
        frame: pl.DataFrame = getattr(self.result, table)
        self._frames[table] = frame.with_columns(
            pl.col(name).cast(pl.Int64)
            for name, kind in frame.schema.items()
            if isinstance(kind, pl.Datetime)
        )
        return self._frames[table]

    def rows(self, table: str, **equal: object) -> list[Row]:
        """Return the rows whose columns have some values, in the order of the table."""
        frame = self.frame(table)
        for name, value in equal.items():
            column = pl.col(name)
            frame = frame.filter(
                column.is_in(list(value)) if isinstance(value, (set, list)) else column == value
            )
        return rows_of(frame)

    def by(self, table: str, column: str, *, but: object = None) -> dict[Any, list[Row]]:
        """Return the rows of a table by the value of a column, but for one value."""
        out: dict[Any, list[Row]] = defaultdict(list)
        frame = self.frame(table)
        if but is not None:
            frame = frame.filter(pl.col(column) != but)
        for row in rows_of(frame):
            out[row[column]].append(row)
        return out

    @cached_property
    def orders_by_entry(self) -> dict[str, list[Row]]:
        """Return orders by entry, in the order in which they were sent."""
        found = self.by("orders", "entry_id", but="")
        for rows in found.values():
            rows.sort(key=lambda row: row["submitted_at"])
        return found

    @cached_property
    def entry_of(self) -> dict[str, str]:
        """Return the entry that each signal began."""
        return {rows[0]["signal_id"]: name for name, rows in self.orders_by_entry.items()}

    @cached_property
    def lives(self) -> list[tuple[int, int, str]]:
        """Return when each entry was placed, when it was over at the latest (ns), and its id."""
        closed = set(self.frame("trades")["signal_id"])
        out = []
        for entry_id, orders in self.orders_by_entry.items():
            placed_ns = orders[0]["submitted_at"]
            fills = self.fills_by_entry.get(entry_id)
            if not fills:
                over_ns = self.expiry_ns(placed_ns)
            elif orders[0]["signal_id"] in closed:
                # The last shares may go by a split that leaves a fraction.
                actions = self.adjustments_by_entry.get(entry_id, ())
                last = [*(f["decided_seq"] for f in fills), *(a["seq"] for a in actions)]
                over_ns = self.decided_ns(max(last))
            else:
                over_ns = _FAR_NS
            out.append((placed_ns, over_ns, entry_id))
        return sorted(out)

    def expiry_ns(self, placed_ns: int) -> int:
        """Return when the unfilled rest of an entry is cancelled, as the strategy fixes it."""
        if self.grid.daily:
            return placed_ns + 1
        session = self.session_at(placed_ns)
        assert session is not None  # noqa: S101 - entries are placed in sessions
        opens = [session.pre_ns, *bar_ends(session, self.grid)]
        first = next((k for k, t in enumerate(opens) if t >= placed_ns), len(opens) - 1)
        last = opens[min(first + self.rules(placed_ns).execution.entry_bars, len(opens) - 1)]
        bracket = session.open_ns <= placed_ns < session.close_ns
        return min(last, session.close_ns) if bracket else last

    @cached_property
    def fills_by_entry(self) -> dict[str, list[Row]]:
        """Return fills by entry, in their order."""
        return self.by("fills", "entry_id")

    @cached_property
    def adjustments_by_entry(self) -> dict[str, list[Row]]:
        """Return splits and dividends by entry, in their order."""
        return self.by("adjustments", "entry_id")

    @cached_property
    def marks_by_ns(self) -> dict[int, list[Row]]:
        """Return the marked positions by instant, by symbol."""
        return self.by("marks", "ts")

    @cached_property
    def equity_rows(self) -> dict[int, Row]:
        """Return cash, positions and equity by instant, ascending."""
        return {row["ts"]: row for row in rows_of(self.frame("equity"))}

    @cached_property
    def seq_of(self) -> dict[int, int]:
        """Return the number of the last decision at each instant."""
        return dict(self.frame("decisions").select("decided_at", "seq").rows())

    def read_signals(self, instants: Iterable[int]) -> None:
        """Fetch the signals of many instants at once, for `signals_at`."""
        wanted = sorted(set(instants) - self._signals.keys())
        self._signals.update({ns: [] for ns in wanted})
        for row in self.rows("signals", decided_at=wanted):
            self._signals[row["decided_at"]].append(row)

    def signals_at(self, asof_ns: int) -> list[Row]:
        """Return the signals of an instant in the order in which they were served."""
        if asof_ns not in self._signals:
            self.read_signals([asof_ns])
        return self._signals[asof_ns]

    def signal_of(self, entry_id: str) -> Row:
        """Return the signal that began an entry."""
        order = self.orders_by_entry[entry_id][0]
        signals = self.signals_at(order["submitted_at"])
        return next(s for s in signals if s["signal_id"] == order["signal_id"])

    def signal(self, signal_id: str) -> Row:
        """Return one signal."""
        return self.rows("signals", signal_id=signal_id)[0]

    def day_start_micro(self, session: Session) -> int:
        """Return equity at the mark of the session before, micro-dollars."""
        at = bisect_left(self._equity_ns, session.pre_ns) - 1
        if at < 0:
            return round(self.params.risk.initial_equity_usd * MICRO)
        micro: int = self.equity_rows[self._equity_ns[at]]["equity"]
        return micro

    @cached_property
    def _equity_ns(self) -> list[int]:
        return sorted(self.equity_rows)

    @cached_property
    def _ns_of(self) -> dict[int, int]:
        return dict(self.frame("decisions").select("seq", "decided_at").rows())

    def decided_ns(self, seq: int) -> int:
        """Return the instant of a decision."""
        return self._ns_of[seq]

    def read_candidates(self, instants: Iterable[int]) -> None:
        """Fetch the candidates of many instants at once, for `candidates`."""
        wanted = sorted(set(instants) - self._candidates.keys())
        frame = self.frame("candidates").filter(pl.col("decided_at").is_in(wanted))
        self._candidates.update({ns: [] for ns in wanted})
        for row in frame.to_dicts():
            self._candidates[row["decided_at"]].append(row)

    def candidates(self, asof_ns: int, stage: int) -> list[Row]:
        """Return a stage's rows at an instant, by symbol."""
        if asof_ns not in self._candidates:
            self.read_candidates([asof_ns])
        return [row for row in self._candidates[asof_ns] if row["stage"] == stage]

    def candidate(self, asof_ns: int, stage: int, symbol: str) -> Row | None:
        """Return a symbol's row of a stage at an instant; None if it was not asked about."""
        rows = self.candidates(asof_ns, stage)
        return next((row for row in rows if row["symbol"] == symbol), None)

    @property
    def label(self) -> str:
        """Return what ran over which bars, such as ``spec on SYNTHETIC 5m bars``."""
        synthetic = "SYNTHETIC " if self.summary["synthetic"] else ""
        return f"{self.summary['variant']} on {synthetic}{self.timeframe} bars"


def rows_of(frame: pl.DataFrame) -> list[Row]:
    """Return rows with money in micro-dollars."""
    money = [name for name in _MONEY if name in frame.columns]
    rows = frame.to_dicts()
    for row in rows:
        for name in money:
            row[name] = micro_of(row[name])
    return rows
