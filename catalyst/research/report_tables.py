"""Everything that a report shows, gathered from a run's folder and its lake."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from catalyst.data.report.cautions import cautions_of
from catalyst.data.report.values import (
    Figure,
    Horizon,
    ReportTables,
    ScoreTable,
    Stage,
)
from catalyst.data.story import Story
from catalyst.data.variants import load
from catalyst.errors import CatalystError
from catalyst.research.explanation import stories as told
from catalyst.research.outcome import beside_by_session, exposure_by_session
from catalyst.research.result import Result
from catalyst.research.score_tables import score_tables
from catalyst.research.sensitivity import read_sensitivity
from catalyst.research.tape import tape_of
from catalyst.research.trade_groups import closed_trades, costs_of, days_held, exits_of, groups_of
from catalyst.research.trade_windows import trade_windows
from catalyst.research.verdict import verdict_of

_SEED_DIGITS = 15
_MOST_LISTED = 24
Tell = Callable[[str], None]


def report_tables(result: Result, *, tell: Tell = lambda _: None) -> ReportTables:
    """Gather what a report shows.

    Parameters
    ----------
    result
        A run with its lake.
    tell
        Called with what is being worked out, in a few words.

    Raises
    ------
    InputError
        If the run was opened without its lake.
    """
    summary = result.summary
    seed = int(summary["decision_digest"][:_SEED_DIGITS], 16)
    tape = tape_of(result)
    daily = tape.feed.grid.daily
    trades = closed_trades(result)
    block = days_held(trades)
    curve = result.benchmarks
    tell("returns after every score")
    horizons, scores = score_tables(result, tape, seed=seed)
    tell("bars and news of the trades")
    windows, note = trade_windows(result, tape, trades)
    tell("stories of the trades")
    verdict = verdict_of(
        summary,
        trades,
        curve,
        exposure_by_session(result),
        beside_by_session(result),
        seed=seed,
        block=block,
    )
    stories, silence = _stories(result)
    closed = set(trades["trade_id"])
    return ReportTables(
        summary=summary,
        verdict=verdict,
        figures=_figures(summary),
        cautions=cautions_of(summary["warnings"]),
        curve=curve,
        trades=trades,
        windows=windows,
        stories={name: story.html() for name, story in stories.items() if name in closed},
        held=tuple(
            (story.headline.text, story.html())
            for name, story in stories.items()
            if name not in closed
        ),
        windows_note=" ".join(part for part in (note, silence) if part),
        funnel=_funnel(result),
        horizons=horizons,
        scores=scores,
        headline=_headline(horizons, scores),
        exits=exits_of(trades),
        groups=groups_of(trades, daily=daily),
        costs=costs_of(trades, seed=seed, block=block),
        sensitivity=read_sensitivity(result.folder),
        facts=_facts(result),
    )


def _stories(result: Result) -> tuple[dict[str, Story], str]:
    try:
        return told(result), ""
    except CatalystError as error:
        # Figures stand without stories; a story that doesn't fit the run must not be shown.
        return {}, f"The stories of the trades can't be told: {error}."


def _figures(summary: Mapping[str, Any]) -> tuple[Figure, ...]:
    held, equal = summary["benchmarks"]["buy_and_hold"], summary["benchmarks"]["equal_weight"]
    out = [
        Figure(label, *(_text(form, one[key]) for one in (summary, held, equal)))
        for label, key, form in (
            ("net return", "net_return", "{:+.2%}"),
            ("Sharpe ratio, a year", "sharpe", "{:+.2f}"),
            ("largest drawdown", "max_drawdown", "{:.2%}"),
        )
    ]
    out += [
        Figure(label, _text(form, summary[key]))
        for label, key, form in (
            ("net P&L", "net_pnl", "{:+,.2f} $"),
            ("entries", "n_trades", "{:,}"),
            ("closed trades", "n_closed_trades", "{:,}"),
            ("winners among them", "hit_rate", "{:.1%}"),
            ("mean of a closed trade", "expectancy", "{:+,.2f} $"),
            ("slippage paid", "slippage_usd", "{:,.2f} $"),
            ("value traded over mean equity", "turnover", "{:,.1f}"),
        )
    ]
    return tuple(out)


def _text(form: str, value: float | None) -> str:
    if value is None:
        return "-"
    text = form.format(value)
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    return f"{sign}${digits[:-2]}" if text.endswith(" $") else text


def _funnel(result: Result) -> tuple[Stage, ...]:
    counts = result.candidates.group_by("stage").agg(pl.len(), pl.col("passed").sum()).sort("stage")
    found = {stage: (asked, passed) for stage, asked, passed in counts.iter_rows()}
    names = {
        50: ("symbols with news: the most active", "most active"),
        20: ("of the active: enough catalyst", "catalyst"),
        5: ("of those: price, volume, bars, rank", "validated"),
    }
    out = [Stage(*texts, *found.get(stage, (0, 0))) for stage, texts in names.items()]
    signals = result.summary["signals"]
    total, intents = sum(signals.values()), signals.get("intent", 0)
    directed = total - signals.get("hold", 0)
    out.append(Stage("signals: a pattern with a direction, confidence", "signal", total, directed))
    out.append(Stage("of those: passed the risk gate", "risk gate", directed, intents))
    out.append(Stage("orders for entry: filled", "filled", intents, result.summary["n_trades"]))
    return tuple(out)


def _headline(horizons: tuple[Horizon, ...], scores: tuple[ScoreTable, ...]) -> tuple[str, ...]:
    """Return the test named beforehand, and how many of the other intervals leave zero out."""
    place = next((k for k, h in enumerate(horizons) if h.key in {"close", "1d"}), 0)
    others = [
        interval
        for table in scores
        for interval in (
            *(cell for row in table.cells for cell in row),
            *(c.interval for c in table.correlations),
        )
        if math.isfinite(interval.low)
    ]
    named = scores[0].correlations[place]
    others = [interval for interval in others if interval is not named.interval]
    beyond = sum(interval.sign != 0 for interval in others)
    count = (
        f"That is the one test named beforehand. Of the {len(others):,} other intervals here, "
        f"{beyond:,} leave zero out; about {len(others) / 20:,.0f} would by chance alone, even if "
        "no score meant anything: they are there to find questions, not to answer them."
    )
    return (named.sentence, count) if others else (named.sentence,)


def _facts(result: Result) -> tuple[tuple[str, str], ...]:
    s = result.summary
    asked = s["asked"]
    changed = _differing(s["params"], load("spec", timeframe=s["timeframe"]).as_mapping())
    under = "daily" if s["timeframe"] == "1d" else "spec"
    return (
        ("variant", s["variant"]),
        ("bars", f"{s['timeframe']}, {s['start']} to {s['end']}, {s['sessions']:,} sessions"),
        ("symbols", f"{s['symbols']:,}" + (" (chosen)" if asked["symbols"] else " (all)")),
        ("sources of bars", ", ".join(s["sources"])),
        (f"parameters other than {under}'s", "; ".join(changed) or "none"),
        ("parameters' hash", s["params_hash"]),
        ("decision digest", s["decision_digest"]),
        ("data digest", s["data_digest"]),
        ("enrichment hash", s["enrichment_hash"]),
        ("code version", s["code_version"]),
    )


def _differing(given: Mapping[str, Any], usual: Mapping[str, Any], above: str = "") -> list[str]:
    out = []
    for name, value in given.items():
        if name == "variant":
            continue
        other = usual.get(name)
        if name == "by_date":
            out.append(f"others by date, from {min(value)} to {max(value)}")
        elif isinstance(value, Mapping) and name != "scored":
            out += _differing(value, other or {}, f"{above}{name}.")
        elif value != other and (value or other is not None):
            long = isinstance(value, list) and len(value) > _MOST_LISTED
            there = "" if other is None else f" (there {other})"
            out.append(f"{above}{name} = {f'{len(value):,} values' if long else value}{there}")
    return out
