"""What a report is written from: numbers with their intervals, and tables of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Interval:
    """Hold a mean and where it lies with 95 %: NaN where there is none.

    Attributes
    ----------
    value
        The mean.
    low, high
        Bounds; NaN where too few days leave nothing to draw from.
    count, days
        How many values, and from how many days.
    """

    value: float
    low: float
    high: float
    count: int
    days: int

    @property
    def sign(self) -> int:
        """Return +1 or -1 if the whole interval lies on that side of zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hold what a run shows, first sentence first.

    Attributes
    ----------
    tone
        ``none`` (no trades), ``open`` (can't tell), ``loss`` or ``gain``.
    sentences
        Plain sentences.
    """

    tone: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """Hold one headline figure as text: of the strategy, buy-and-hold and equal weight."""

    label: str
    strategy: str
    buy_and_hold: str = ""
    equal_weight: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """Hold one step from news to trades: its name, a short one, what arrived, what went on."""

    name: str
    short: str
    asked: int
    passed: int


@dataclass(frozen=True, slots=True)
class Horizon:
    """Name a time over which returns are looked at, and how many days it reaches over."""

    key: str
    label: str
    days: int


@dataclass(frozen=True, slots=True)
class Correlation:
    """Hold Spearman's correlation of a score with the returns of one horizon, and its sentence."""

    interval: Interval
    sentence: str


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Hold what a score, or a rank, earned.

    Attributes
    ----------
    name
        The score.
    about
        Which rows are counted, in a sentence.
    buckets
        Labels, ascending.
    cells
        For each bucket an interval a horizon: mean return in bps, in the signal's direction.
    correlations
        One for each horizon: of the score with the return, within a decision.
    market_bps
        Mean return of the market after the same instants, taken off every cell; one a horizon.
    dropped
        Rows without a bar to enter or leave at; one a horizon.
    """

    name: str
    about: str
    buckets: tuple[str, ...]
    cells: tuple[tuple[Interval, ...], ...]
    correlations: tuple[Correlation, ...]
    market_bps: tuple[float, ...]
    dropped: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Hold the closed trades of one group: their number, P&L (USD) and share of winners."""

    label: str
    trades: int
    pnl_usd: float
    mean_usd: float
    hit_rate: float


@dataclass(frozen=True, slots=True)
class Groups:
    """Hold trades by one thing: its name, the groups, and a note where some were left out."""

    name: str
    groups: tuple[Group, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class CostLevel:
    """Hold what is left at a level of slippage; money in USD."""

    label: str
    slippage_usd: float
    pnl_usd: float
    mean: Interval
    hit_rate: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Hold costs at three levels.

    Attributes
    ----------
    levels
        Without slippage, as modelled, twice, and a flat part of every fill's value.
    modelled_bps, break_even_bps
        What a side cost, and what it could cost until nothing is left, bps of the value traded;
        NaN without trades, the second negative where nothing was earned before costs.
    """

    levels: tuple[CostLevel, ...]
    modelled_bps: float
    break_even_bps: float


@dataclass(frozen=True, slots=True)
class TradeWindow:
    """Hold a trade's bars and news, ready to be drawn.

    Attributes
    ----------
    bars
        Columns ``t`` (New York time as text), ``o``, ``h``, ``l``, ``c``, ``v``.
    marks
        Fills: place along the bars, price, text, and ``in`` or ``out``.
    news
        Articles: place along the bars, known and published (New York time as text), headline,
        source, tier, and whether the signal rests on it.
    levels
        Stop and targets of the signal, USD.
    bar_label
        Length of a bar, for people.
    """

    bars: Mapping[str, list[Any]]
    marks: tuple[Mapping[str, Any], ...]
    news: tuple[Mapping[str, Any], ...]
    levels: Mapping[str, float]
    bar_label: str


@dataclass(frozen=True)
class ReportTables:
    """Hold everything that a report shows.

    Attributes
    ----------
    summary
        Content of ``summary.json``.
    verdict, figures
        What the run shows, and its headline figures.
    cautions
        Pairs: what to be wary of, and what it means.
    curve
        One row a session: ts, strategy, buy_and_hold, equal_weight (growth of 1).
    trades
        Closed trades: trade_id, symbol, side, quantity, entry_ts, entry_price, exit_ts, exit_price,
        exit_reason, pnl (USD), pnl_bps, confidence, catalyst_type; by entry_ts.
    windows, stories
        By trade_id: what to draw, and a fragment of HTML.
    held
        Of positions still open: a name and a story.
    windows_note
        Which trades are drawn, empty where all are.
    funnel
        From news to trades.
    horizons, scores
        Forward returns by score and rank.
    headline
        The test that was named beforehand, as a sentence, and how to read the others.
    exits, groups
        Trades by exit reason; by side, symbol, hour and category.
    costs
        Costs at three levels.
    sensitivity
        What is left when assumed news times move; None where that was not asked for.
    facts
        Pairs of label and text: digests, parameters, versions.
    """

    summary: Mapping[str, Any]
    verdict: Verdict
    figures: tuple[Figure, ...]
    cautions: tuple[tuple[str, str], ...]
    curve: pl.DataFrame
    trades: pl.DataFrame
    windows: Mapping[str, TradeWindow]
    stories: Mapping[str, str]
    held: tuple[tuple[str, str], ...]
    windows_note: str
    funnel: tuple[Stage, ...]
    horizons: tuple[Horizon, ...]
    scores: tuple[ScoreTable, ...]
    headline: tuple[str, ...]
    exits: Groups
    groups: tuple[Groups, ...]
    costs: Costs
    sensitivity: pl.DataFrame | None
    facts: tuple[tuple[str, str], ...]
