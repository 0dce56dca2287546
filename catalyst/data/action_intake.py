"""Given rows become corporate actions: splits, dividends, renames, from rows or from factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar
from catalyst.data.columns import ACTION_ALIASES, ACTION_REQUIRED, Columns, resolve_columns
from catalyst.data.fact_store import Facts, facts_of_rows
from catalyst.data.given import Given
from catalyst.data.stamps import NEW_YORK_NAME, parse_stamps, zone_checked
from catalyst.data.symbols import joined_symbols

if TYPE_CHECKING:
    import polars as pl

TABLE = "actions"
KEY = ("symbol", "ex_date", "kind", "source", "known_at")
KINDS = ("split", "dividend", "rename")

_FACTOR_COLUMNS = ("symbol", "date", "price_factor", "split_factor", "reference_price")
_KIND_NAMES = {
    **{name: name for name in KINDS},
    **dict.fromkeys(("splits", "stock split", "forward split", "reverse split"), "split"),
    **dict.fromkeys(("dividends", "div", "cash dividend", "cash", "cd"), "dividend"),
    **dict.fromkeys(("symbol change", "name change", "ticker change"), "rename"),
}
_RATIO = r"^\s*([0-9.]+)\s*[:/]\s*([0-9.]+)\s*$"
# Factors have seven decimals and may be as small as 0.003, so a ratio is good to a part in 10,000.
_RATIO_TOLERANCE = 5e-4
_LARGEST_DENOMINATOR = 100
_LEAST_DIVIDEND_USD = 5e-4


class ActionRule(IntEnum):
    """Name the rules in the order in which they are asked; the first one broken is recorded."""

    KEPT = 0
    COLUMNS = 1
    """The row has more or fewer columns than the header."""
    SYMBOL = 2
    """The symbol is empty or no ticker."""
    STAMP = 3
    """The ex-date or `known_at` is missing or unreadable."""
    SESSION = 4
    """The ex-date is no session of the exchange."""
    KIND = 5
    """The kind is none of split, dividend, rename."""
    VALUE = 6
    """A split without a ratio or a dividend without an amount above 0, or a rename to nothing."""
    NO_ACTION = 7
    """A row of factors after which nothing changes, or of which the next row is not given."""
    CONFLICT = 8
    """Another row has the same key and other values; the one that came first stays."""

    @property
    def label(self) -> str:
        """Give the name used in quarantine and reports."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class ActionOptions:
    """Say how actions are to be read; see `Lake.add_actions` for each. None: not said."""

    mapping: Mapping[str, str] | None = None
    symbol: str | None = None
    tz: str | None = None
    source: str | None = None
    date_format: str | None = None
    fetched_at_ns: int | None = None
    covered_until_ns: int | None = None

    def __post_init__(self) -> None:
        if self.tz is not None:
            zone_checked(self.tz)


#: What holds where neither the user nor the format says otherwise.
ACTION_DEFAULTS = ActionOptions(tz=NEW_YORK_NAME, source="user")


def empty_actions() -> pl.DataFrame:
    """Give the table of actions without rows: its columns and their types."""
    import polars as pl

    return pl.DataFrame(
        schema={
            "symbol": pl.String,
            "ex_date": pl.Date,
            "kind": pl.String,
            "value": pl.Float64,
            "new_symbol": pl.String,
            "known_at": pl.Datetime("ns", "UTC"),
            "known_is_assumed": pl.Boolean,
            "source": pl.String,
        }
    )


def read_actions(given: Given, options: ActionOptions) -> Facts:
    """Read corporate actions.

    Rows of cumulative factors (columns symbol, date, price_factor, split_factor, reference_price)
    are taken apart: the action after a row's date has its ex-date on the next session, a split of
    the ratio of the next split factor to this one, a dividend of ``reference_price * (1 -
    price_factor / next price_factor)``, as LEAN's factor files define them.

    Raises
    ------
    ImportFileError
        If a column is missing.
    """
    import polars as pl

    frame = given.frame
    if set(_FACTOR_COLUMNS) <= set(frame.columns):
        return _from_factors(given, options)
    aliases = {k: v for k, v in ACTION_ALIASES.items() if k != "symbol" or not options.symbol}
    required = [name for name in ACTION_REQUIRED if name != "symbol" or not options.symbol]
    columns = resolve_columns(
        frame.columns, aliases, required=required, mapping=options.mapping, file=given.file
    )
    rule = np.zeros(frame.height, np.int8)
    symbol = _symbols(frame, columns.one("symbol"), options.symbol)
    _break(rule, symbol.is_null(), ActionRule.SYMBOL)
    stamps = parse_stamps(
        frame[str(columns.one("ex_date"))], tz=str(options.tz), date_format=options.date_format
    )
    _break(rule, stamps.day.is_null(), ActionRule.STAMP)
    every = calendar.sessions()
    day = stamps.day.fill_null(0)
    _break(rule, ~day.is_in(every.day.tolist()), ActionRule.SESSION)
    kind = frame[str(columns.one("kind"))].cast(pl.String).str.strip_chars().str.to_lowercase()
    kind = kind.replace_strict(_KIND_NAMES, default=None, return_dtype=pl.String)
    _break(rule, kind.is_null(), ActionRule.KIND)
    value = _values(frame, columns.one("value"))
    new_symbol = _symbols(frame, columns.one("new_symbol"), None)
    good = pl.select(
        pl.when(kind == "rename")
        .then(pl.lit(new_symbol).is_not_null())
        .otherwise((pl.lit(value) > 0) & pl.lit(value).is_finite())
    ).to_series()
    _break(rule, ~good.fill_null(value=False), ActionRule.VALUE)
    known, assumed, unread = known_times(frame, columns, day, str(options.tz), options.date_format)
    _break(rule, unread, ActionRule.STAMP)
    facts = pl.DataFrame(
        {
            "symbol": symbol,
            "ex_date": day.cast(pl.Date),
            "kind": kind,
            "value": value,
            "new_symbol": new_symbol,
            "known_at": known,
            "known_is_assumed": assumed,
            "row": np.arange(frame.height),
        }
    ).with_columns(_sources(frame, columns.one("source"), options).alias("source"))
    kept = facts.filter(pl.Series(rule == ActionRule.KEPT))
    return facts_of_rows(given, columns, kept.select(*empty_actions().columns, "row"), rule)


def known_times(
    frame: pl.DataFrame, columns: Columns, day: pl.Series, tz: str, date_format: str | None
) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Read when facts became known; 04:00 New York time of their day where no row says.

    Returns
    -------
    (Series of datetime, Series of bool, Series of bool)
        Instants; whether each is assumed; whether one was given that can't be read.
    """
    import polars as pl

    morning = day.cast(pl.Date).cast(pl.Datetime("ns")).dt.offset_by("4h")
    morning = morning.dt.replace_time_zone(NEW_YORK_NAME).dt.convert_time_zone("UTC")
    name = columns.one("known_at")
    if name is None:
        n = frame.height
        return morning, _constant(n, value=True), _constant(n, value=False)
    given = frame[name]
    blank = given.is_null()
    if given.dtype == pl.String:
        blank |= given.str.strip_chars().str.to_lowercase().is_in(["", "null", "nan", "none"])
    blank = blank.fill_null(value=True)
    ns = parse_stamps(given, tz=tz, date_format=date_format).ns
    read = ns.cast(pl.Datetime("ns", "UTC"))
    flag = columns.one("known_is_assumed")
    said = blank
    if flag is not None:
        said = blank | frame[flag].cast(pl.String).str.to_lowercase().is_in(["true", "1"])
    known = pl.select(pl.when(blank).then(morning).otherwise(read)).to_series()
    return known.fill_null(morning), said.fill_null(value=False), ns.is_null() & ~blank


def _from_factors(given: Given, options: ActionOptions) -> Facts:
    import polars as pl

    frame = given.frame.select(_FACTOR_COLUMNS)
    day = parse_stamps(frame["date"], tz=str(options.tz), date_format=options.date_format).day
    symbol = _symbols(frame, "symbol", None)
    rule = np.zeros(frame.height, np.int8)
    _break(rule, symbol.is_null(), ActionRule.SYMBOL)
    _break(rule, day.is_null(), ActionRule.STAMP)
    numbers = [frame[name].cast(pl.Float64, strict=False) for name in _FACTOR_COLUMNS[2:]]
    sound = [(n.is_finite() & (n > 0)).fill_null(value=False) for n in numbers[:2]]
    _break(rule, ~(sound[0] & sound[1]), ActionRule.VALUE)
    rows = pl.DataFrame(
        {"symbol": symbol, "day": day, "price": numbers[0], "split": numbers[1]}
    ).with_columns(reference=numbers[2], row=np.arange(frame.height))
    rows = rows.filter(pl.Series(rule == ActionRule.KEPT)).sort("symbol", "day", "row")
    rows = rows.with_columns(
        next_price=pl.col("price").shift(-1).over("symbol"),
        next_split=pl.col("split").shift(-1).over("symbol"),
    )
    every = calendar.sessions()
    found: list[tuple[str, int, str, float, int]] = []
    for name, last_day, price, split, reference, row, next_price, next_split in rows.iter_rows():
        place = int(np.searchsorted(every.day, last_day, side="right"))
        actions = []
        if next_split is not None and place < len(every):
            ratio = _ratio(next_split / split)
            if ratio != 1:
                actions.append(("split", ratio))
            amount = round((reference or 0.0) * (1 - price / next_price), 4)
            if amount >= _LEAST_DIVIDEND_USD:
                actions.append(("dividend", amount))
        if not actions:
            rule[row] = ActionRule.NO_ACTION
        found += [(name, int(every.day[place]), kind, value, row) for kind, value in actions]
    facts = pl.DataFrame(
        found,
        schema={"symbol": pl.String, "day": pl.Int32, "kind": pl.String, "value": pl.Float64}
        | {"row": pl.Int64},
        orient="row",
    )
    columns = Columns({}, ("cumulative factors taken apart into splits and dividends",))
    known, assumed, _ = known_times(facts, columns, facts["day"], str(options.tz), None)
    facts = facts.with_columns(
        ex_date=pl.col("day").cast(pl.Date),
        new_symbol=pl.lit(None, pl.String),
        known_at=known,
        known_is_assumed=assumed,
        source=pl.lit(options.source),
    )
    facts = facts.select(*empty_actions().columns, "row").sort("row", "kind")
    return facts_of_rows(given, columns, facts, rule)


def _ratio(ratio: float) -> float:
    simple = float(Fraction(ratio).limit_denominator(_LARGEST_DENOMINATOR))
    return simple if abs(simple / ratio - 1) < _RATIO_TOLERANCE else round(ratio, 6)


def _values(frame: pl.DataFrame, name: str | None) -> pl.Series:
    import polars as pl

    if name is None:
        return pl.Series("value", [None] * frame.height, dtype=pl.Float64)
    column = frame[name]
    if column.dtype != pl.String:
        return column.cast(pl.Float64, strict=False)
    parts = pl.DataFrame({"t": column}).select(
        number=pl.col("t").str.strip_chars().cast(pl.Float64, strict=False),
        new=pl.col("t").str.extract(_RATIO, 1).cast(pl.Float64, strict=False),
        old=pl.col("t").str.extract(_RATIO, 2).cast(pl.Float64, strict=False),
    )
    return parts.select(pl.coalesce("number", pl.col("new") / pl.col("old"))).to_series()


def _symbols(frame: pl.DataFrame, name: str | None, one: str | None) -> pl.Series:
    import polars as pl

    if one is None and name is None:
        return pl.Series("symbol", [None] * frame.height, dtype=pl.String)
    text = pl.repeat(one, frame.height, dtype=pl.String, eager=True) if one else frame[str(name)]
    return text.alias("s").to_frame().select(joined_symbols(pl.col("s"))).to_series()


def _sources(frame: pl.DataFrame, name: str | None, options: ActionOptions) -> pl.Series:
    import polars as pl

    if name is None:
        return pl.repeat(str(options.source), frame.height, dtype=pl.String, eager=True)
    return frame[name].cast(pl.String).fill_null(str(options.source))


def _constant(n: int, *, value: bool) -> pl.Series:
    import polars as pl

    return pl.repeat(value, n, dtype=pl.Boolean, eager=True)


def _break(rule: NDArray[np.int8], broken: pl.Series, which: ActionRule) -> None:
    rule[broken.to_numpy() & (rule == ActionRule.KEPT)] = which
