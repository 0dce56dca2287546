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
_LINES = {
    "buy_and_hold": 'stroke="#888" stroke-width="1"',
    "strategy": 'stroke="#3b82c4" stroke-width="2"',
}
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
        dated = (params, *(entry for _, entry in params.by_date))
        filters = [p.entry_filters[int(place)] for p in dated if place < len(p.entry_filters)]
        names = dict.fromkeys(component.name for component in filters)
        return f"was refused by {' or '.join(names)}"
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
    verdict = f"behind {' and '.join(behind)}"
    if not behind:
        lead = (
            "a loss, if smaller than both benchmarks'" if s["net_return"] < 0 else "ahead of both"
        )
        verdict = f"{lead}; that proves nothing yet: see the report's intervals"
    figures = [
        Fact(label, cells=(label, *(_text(form, r[key]) for r in (s, *_both(marks)))))
        for label, key, form in _FIGURES
    ]
    figures += [
        Fact(label, cells=(label, _text(form, s[key]), "", "")) for label, key, form in _OWN_FIGURES
    ]
    warned = tuple(Fact(text, mark="warning") for text in s["warnings"])
    binds = tuple(Fact(rule["text"]) for rule in s["binding_rules"][:_SHOWN_RULES])
    return Story(
        "run",
        Fact(
            f"{s['variant']} on {s['timeframe']} bars, {s['start']} to {s['end']}, "
            f"{s['symbols']:,} symbols: {s['net_return']:+.2%}, {verdict}"
        ),
        (),
        (
            *([Section("Before you believe it", warned)] if warned else []),
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
    """Draw growth since the start at every session's close, beside the benchmarks.

    The report has the chart; this says at a glance whether there was a market to beat.
    """
    curve = result.benchmarks
    if curve.height < 2:
        return ""
    step = max(curve.height // _POINTS, 1)
    lines = {
        name: [1.0, *curve[name].gather_every(step).to_list(), curve[name][-1]] for name in _LINES
    }
    every = [value for values in lines.values() for value in values]
    low, high = min(every), max(every)
    span = (high - low) or 1.0
    drawn = "".join(
        f'<polyline points="{_points(values, low, span)}" fill="none" {_LINES[name]}/>'
        for name, values in lines.items()
    )
    first, last = (curve["ts"][k].astimezone(NEW_YORK).date() for k in (0, -1))
    label = printable(
        f"growth {first} to {last}: strategy {lines['strategy'][-1] - 1:+.2%} (blue), buy and hold "
        f"{lines['buy_and_hold'][-1] - 1:+.2%} (grey), from {low - 1:+.1%} to {high - 1:+.1%}"
    )
    return (
        f'<figure class="story" style="margin:.6em 0"><figcaption>{label}</figcaption>'
        f'<svg role="img" aria-label="{label}" viewBox="0 -2 {_WIDTH} {_HEIGHT + 4}" '
        f'style="width:100%;max-width:{_WIDTH}px;height:auto">{drawn}</svg></figure>'
    )


def _points(values: list[float], low: float, span: float) -> str:
    return " ".join(
        f"{_WIDTH * k / (len(values) - 1):.1f},{_HEIGHT * (1.0 - (v - low) / span):.1f}"
        for k, v in enumerate(values)
    )
