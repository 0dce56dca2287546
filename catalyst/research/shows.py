"""How a run shows itself in a notebook and to ``print``: figures, funnel, trades."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from catalyst.data.calendar import NEW_YORK
from catalyst.data.story import Fact, Section, Story
from catalyst.data.visible import printable
from catalyst.strategy.params import Params
from catalyst.strategy.reasons import Reason

if TYPE_CHECKING:
    from catalyst.research.result import Result

_REASONS = {reason.label: reason for reason in Reason}
_STAGES = {50: "with news", 20: "chosen for their activity", 5: "with a catalyst", 0: "signals"}
_SHOWN_RULES = 6
_ID_DIGITS = 10
_POINTS = 160
_WIDTH, _HEIGHT = 560, 120
_FIGURES = (
    ("net return", "net_return", "{:+.2%}"),
    ("Sharpe ratio", "sharpe", "{:.2f}"),
    ("largest drawdown", "max_drawdown", "{:.2%}"),
)
_OWN_FIGURES = (
    ("net P&L, USD", "net_pnl", "{:+,.2f}"),
    ("trades", "n_trades", "{:,}"),
    ("hit rate", "hit_rate", "{:.1%}"),
    ("expectancy, USD a trade", "expectancy", "{:+,.2f}"),
    ("turnover", "turnover", "{:.1f}"),
)


@dataclass(frozen=True, repr=False)
class Funnel:
    """Hold where a run's candidates stayed behind, stage by stage.

    Attributes
    ----------
    table
        One row a stage and rule, in the order of the stages, most often first: stage (50, 20, 5; 0
        for signals), rule (``passed`` for those that went on), count, of (rows of the stage),
        threshold (NaN where there is none, or several), text. A row of candidates is a symbol at a
        decision. An entry filter's rule is ``entry_filter``, its text names the function.
    """

    table: pl.DataFrame

    def story(self) -> Story:
        """Return the funnel as a story: a section for each stage."""
        sections = []
        for stage, rows in self.table.group_by("stage", maintain_order=True):
            of = rows["of"][0]
            facts = tuple(
                Fact(
                    f"{row['count']:,} of {of:,} {row['text']}",
                    dict(row),
                    "passed" if row["rule"] == "passed" else "",
                    cells=(f"{row['count']:,}", f"{row['count'] / of:.1%}", row["text"]),
                )
                for row in rows.iter_rows(named=True)
            )
            title = f"stage {stage[0]}, {_STAGES[stage[0]]}" if stage[0] else "signals"
            sections.append(Section(f"{title}: {of:,}", facts, ("count", "share", "")))
        head = Fact("the funnel, counted over every scan of the run")
        if not sections:
            head = Fact("the funnel is empty: no symbol had news at any scan", mark="warning")
        return Story("funnel", head, sections=tuple(sections))

    def __repr__(self) -> str:
        return str(self.story())

    def _repr_html_(self) -> str:
        return self.story()._repr_html_()


def funnel_of(result: Result) -> Funnel:
    """Count a run's candidates and signals by stage and rule."""
    drops = (
        result.candidates.lazy()
        .with_columns(place=pl.when(pl.col("reason") == "entry_filter").then("value"))
        .group_by("stage", "reason", "place")
        .agg(count=pl.len(), low=pl.col("threshold").min(), high=pl.col("threshold").max())
        .collect()
    )
    rows: list[dict[str, Any]] = []
    for row in drops.iter_rows(named=True):
        same = row["low"] is not None and row["low"] == row["high"]
        fixed = same and row["reason"] not in {"rank", "passed"}
        threshold = float(row["low"]) if fixed else float("nan")
        rows.append(
            {
                "stage": row["stage"],
                "rule": row["reason"],
                "count": row["count"],
                "threshold": threshold,
                "text": _rule_text(row["reason"], threshold, row["place"], result.params),
            }
        )
    outcomes = result.signals.group_by("outcome", "rule").len().rows()
    for outcome, rule, count in outcomes:
        went = outcome == "intent"
        text = "became orders" if went else _rule_text(rule, float("nan"), None, result.params)
        rule_ = "passed" if went else rule
        rows.append(
            {"stage": 0, "rule": rule_, "count": count, "threshold": float("nan"), "text": text}
        )
    of: dict[int, int] = {}
    for row in rows:
        of[row["stage"]] = of.get(row["stage"], 0) + row["count"]
    rows.sort(key=lambda r: (-r["stage"], r["rule"] != "passed", -r["count"], r["text"]))
    schema = {
        "stage": pl.Int64,
        "rule": pl.String,
        "count": pl.Int64,
        "of": pl.Int64,
        "threshold": pl.Float64,
        "text": pl.String,
    }
    return Funnel(pl.DataFrame([{**row, "of": of[row["stage"]]} for row in rows], schema))


def _rule_text(rule: str, threshold: float, place: float | None, params: Params) -> str:
    if place is not None:
        return f"was refused by {params.entry_filters[int(place)].name}"
    limit = "" if math.isnan(threshold) or rule == "not_in_universe" else f" ({threshold:,g})"
    return f"{_REASONS[rule].text}{limit}" if rule in _REASONS else rule


def trades_story(result: Result, count: int = 20) -> Story:
    """Tell a run's trades, a line each, the first ``count`` in order; times are New York's."""
    trades = result.trades.sort("entry_ts", "trade_id")
    names = ("symbol", "side", "shares", "entered", "at", "left", "at", "reason", "P&L, USD", "id")
    facts = tuple(_trade(row) for row in trades.head(count).iter_rows(named=True))
    shown = f"{len(facts):,} of {trades.height:,}, New York time, prices in USD"
    sections = (Section(shown, facts, names),) if facts else (Section("none", ()),)
    return Story("trades", Fact(f"trades of {result.params.variant}"), sections=sections)


def _trade(row: dict[str, Any]) -> Fact:
    entered = row["entry_ts"].astimezone(NEW_YORK)
    left = row["exit_ts"].astimezone(NEW_YORK) if row["exit_ts"] is not None else None
    gone = "" if left is None else f"{left:%H:%M}" if left.date() == entered.date() else str(left)
    pnl = row["pnl"]
    cells = (
        row["symbol"],
        row["side"],
        f"{row['quantity']:,}",
        f"{entered:%Y-%m-%d %H:%M}",
        f"{row['entry_price']:,.2f}",
        gone[:16],
        "" if row["exit_price"] is None else f"{row['exit_price']:,.2f}",
        row["exit_reason"] or "open",
        "" if pnl is None else f"{pnl:+,.2f}",
        row["trade_id"][:_ID_DIGITS],
    )
    mark = "" if pnl is None else "gain" if pnl > 0 else "loss"
    return Fact(" ".join(cells), {"trade_id": row["trade_id"]}, mark, cells=cells)  # type: ignore[arg-type]


def run_story(result: Result) -> Story:
    """Tell what a run came to: what to be wary of first, then figures, then what binds."""
    s = result.summary
    marks = s["benchmarks"]
    behind = [
        name.replace("_", " ") for name, b in marks.items() if b["net_return"] > s["net_return"]
    ]
    verdict = (
        f"behind {' and '.join(behind)}"
        if behind
        else "ahead of both benchmarks, which proves nothing yet: see the report's intervals"
    )
    figures = [
        Fact(label, cells=(label, *(_text(form, r[key]) for r in (s, *_both(marks)))))
        for label, key, form in _FIGURES
    ]
    figures += [
        Fact(label, cells=(label, _text(form, s[key]), "", "")) for label, key, form in _OWN_FIGURES
    ]
    binds = tuple(Fact(rule["text"]) for rule in s["binding_rules"][:_SHOWN_RULES])
    return Story(
        "run",
        Fact(
            f"{s['variant']} on {s['timeframe']} bars, {s['start']} to {s['end']}, "
            f"{s['symbols']:,} symbols: {s['net_return']:+.2%}, {verdict}"
        ),
        tuple(Fact(text, mark="warning") for text in s["warnings"]),
        (
            Section("Figures", tuple(figures), ("", "strategy", "buy and hold", "equal weight")),
            Section("What binds", binds),
        ),
        {"decision_digest": s["decision_digest"], "params_hash": s["params_hash"]},
    )


def run_html(result: Result) -> str:
    """Return a run as HTML for a notebook: its story, and a sketch of its equity."""
    return f"{run_story(result)._repr_html_()}{_sketch(result)}"


def _both(marks: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return marks["buy_and_hold"], marks["equal_weight"]


def _text(form: str, value: float | None) -> str:
    return "-" if value is None else form.format(value)


def _sketch(result: Result) -> str:
    """Draw the equity as one line; the report has the chart."""
    equity = result.equity
    if equity.height < 2:
        return ""
    step = max(equity.height // _POINTS, 1)
    values = equity["equity"].cast(pl.Float64).gather_every(step).to_list()
    values.append(float(equity["equity"][-1]))
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    points = " ".join(
        f"{_WIDTH * k / (len(values) - 1):.1f},{_HEIGHT * (1.0 - (v - low) / span):.1f}"
        for k, v in enumerate(values)
    )
    first, last = (equity["ts"][k].astimezone(NEW_YORK).date() for k in (0, -1))
    label = printable(f"equity {first} to {last}: from {values[0]:,.0f} to {values[-1]:,.0f} USD")
    return (
        f'<figure class="story" style="margin:.6em 0"><figcaption>{label}; least {low:,.0f}, most '
        f'{high:,.0f}</figcaption><svg role="img" aria-label="{label}" viewBox="0 -2 {_WIDTH} '
        f'{_HEIGHT + 4}" style="width:100%;max-width:{_WIDTH}px;height:auto"><polyline '
        f'points="{points}" fill="none" stroke="#3b82c4" stroke-width="1.5"/></svg></figure>'
    )
