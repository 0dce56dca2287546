"""The report's second half: what binds, what scores earned, exits, costs, groups, facts."""

from __future__ import annotations

import math

from catalyst.data.metrics import CONDITIONS
from catalyst.data.report.markup import (
    DASH,
    between,
    figure,
    money,
    note,
    percent,
    section,
    signed,
    table,
    text,
    usd,
    words,
)
from catalyst.data.report.values import Groups, Interval, ReportTables, ScoreTable
from catalyst.strategy.reasons import Reason

_SHOWN_RULES = 20
_MEANINGS = {reason.label: reason.text for reason in Reason} | {
    "no_news": "no symbol of the run had any news"
}


def funnel(tables: ReportTables) -> str:
    """Write how many arrived and went on at each stage, and which rules stopped most."""
    rows = [
        (
            text(stage.name),
            f"{stage.asked:,}",
            f"{stage.passed:,}",
            percent(stage.passed / stage.asked if stage.asked else None, 1),
        )
        for stage in tables.funnel
    ]
    rules = tables.summary["binding_rules"]
    texts = [
        (
            f"{text(rule['rule'])}<small>{_MEANINGS.get(rule['rule'], '')}</small>",
            f"stage {rule['stage']}" if rule["stage"] else "signals",
            f"{rule['count']:,}",
            percent(rule["count"] / rule["of"] if rule["of"] else None, 1),
            DASH
            if rule["threshold"] is None or rule["rule"] in CONDITIONS
            else f"{rule['threshold']:,g}",
        )
        for rule in rules[:_SHOWN_RULES]
    ]
    return section(
        "funnel",
        "From news to trades, and what binds",
        figure("funnel", "What arrived at each stage and what went on; every scan counts anew."),
        table(
            "The funnel, all scans together",
            ("stage", "arrived", "went on", "share"),
            rows,
        ),
        table(
            "The first rule that stopped each candidate or signal, most often first",
            ("rule", "at", "stopped", "of those there", "threshold"),
            texts,
        )
        if texts
        else note("No rule stopped anything."),
    )


def scores(tables: ReportTables) -> str:
    """Write what each score earned, by bucket, for a horizon that the reader chooses."""
    parts = [
        '<div class="verdict tone-open">',
        *(f"<p>{words(sentence)}</p>" for sentence in tables.headline),
        "</div>",
        note(
            "Bought at the open of the first bar after the decision (or sold short, for a short), "
            "left at the horizon; no costs. From each return the mean of all symbols of the run "
            "over the same time is taken off, so that a rising market rewards nobody. The bars are "
            "95 % intervals, days drawn again and again in blocks as long as the horizon; under 20 "
            "days there is none. Dividends are left out."
        ),
        '<p class="filter"><label>Horizon <select id="horizon">',
        *(
            f'<option value="{k}"{" selected" if h.key in {"close", "1d"} else ""}>'
            f"{text(h.label)}</option>"
            for k, h in enumerate(tables.horizons)
        ),
        '</select></label></p><div class="cards">',
        *(_score(k, found, tables) for k, found in enumerate(tables.scores)),
        "</div>",
    ]
    return section("scores", "Does a higher score earn more?", *parts)


def _score(place: int, found: ScoreTable, tables: ReportTables) -> str:
    title = text(found.name[0].upper() + found.name[1:])
    if not any(cell.count for row in found.cells for cell in row):
        return (
            f'<article class="card"><h3>{title}</h3>{note("There was none to look at.")}</article>'
        )
    heads = ["bucket" if "rank" not in found.name else "rank"]
    for k, horizon in enumerate(tables.horizons):
        heads += [
            f'<span class="h h{k}">{head}</span>'
            for head in (f"bps {text(horizon.label)}", "95 %", "number", "days")
        ]
    rows = []
    for label, cells in zip(found.buckets, found.cells, strict=True):
        row = [text(label)]
        for k, cell in enumerate(cells):
            row += [f'<span class="h h{k}">{part}</span>' for part in _cell(cell)]
        rows.append(row)
    says = []
    for k, correlation in enumerate(found.correlations):
        made = found.market_bps[k]
        market = (
            f"The market made {signed(made, 1)} bps over the same times."
            if math.isfinite(made)
            else ""
        )
        dropped = found.dropped[k]
        left = f" Left out, for want of a bar to enter or leave at: {dropped:,}." if dropped else ""
        says.append(f'<p class="h h{k}">{words(correlation.sentence)} {market}{left}</p>')
    return (
        f'<article class="card"><h3>{title}</h3>'
        f"{''.join(says)}"
        f"{figure(f'score-{place}', f'Mean return by bucket: {text(found.about)}.')}"
        f"<details><summary>The numbers</summary>"
        f"{table(text(found.name), heads, rows, kind='scores', hidden=True)}</details></article>"
    )


def _cell(cell: Interval) -> tuple[str, str, str, str]:
    if not cell.count:
        return DASH, DASH, "0", "0"
    return (
        signed(cell.value, 1),
        between(cell.low, cell.high),
        f"{cell.count:,}",
        f"{cell.days:,}",
    )


def exits(tables: ReportTables) -> str:
    """Write trades by the reasons of their exits."""
    return section("exits", "Exits", _grouped(tables.exits, "Closed trades by reason of exit"))


def costs(tables: ReportTables) -> str:
    """Write what is left at other costs."""
    found = tables.costs
    if not tables.trades.height:
        return section("costs", "Costs", note("Without closed trades there are no costs."))
    rows = [
        (
            text(level.label),
            usd(level.slippage_usd).lstrip("+"),
            money(level.pnl_usd),
            money(level.mean.value),
            between(level.mean.low, level.mean.high, 2, "$"),
            percent(level.hit_rate, 1),
        )
        for level in found.levels
    ]
    says = (
        f"A side cost {found.modelled_bps:.1f} bps of its value, slippage and fees together. "
        + (
            f"At {found.break_even_bps:.1f} bps a side nothing would be left."
            if found.break_even_bps > 0
            else "Nothing was earned even before costs."
        )
    )
    return section(
        "costs",
        "Costs",
        f"<p>{words(says)}</p>",
        table(
            "Closed trades at other costs",
            ("slippage", "taken", "P&amp;L left", "a trade", "95 %", "winners"),
            rows,
        ),
        note(
            "Decisions, fills and quantities are taken as they were: only the price of slippage "
            "changes. In the model limits and targets slip nothing; the last line charges them too."
        ),
    )


def sensitivity(tables: ReportTables) -> str:
    """Write what is left when assumed news times are later."""
    title = "If the news came later"
    rows = tables.sensitivity
    if rows is None:
        assumed = tables.summary["news"]["assumed"]
        says = (
            f"{assumed:,} of {tables.summary['news']['articles']:,} news times of this run are "
            "assumed. catalyst backtest --sensitivity replays it with these 5, 15 and 60 minutes "
            "later."
            if assumed
            else "No news time of this run is assumed: there is nothing to move."
        )
        return section("sensitivity", title, note(says))
    if rows.height == 1:
        return section(
            "sensitivity",
            title,
            note("No news time of this run is assumed: there is nothing to move."),
        )
    cells = [
        (
            f"{row['minutes']} min later" if row["minutes"] else "as assumed",
            f"{row['moved']:,} of {row['articles']:,}",
            f"{row['changed']:,} of {row['decisions']:,}",
            f"{row['trades']:,}",
            money(row["net_pnl"]),
            money(row["mean"]),
            between(row["low"], row["high"], 2, "$"),
            percent(row["hit_rate"], 1),
        )
        for row in rows.iter_rows(named=True)
    ]
    return section(
        "sensitivity",
        title,
        figure(
            "sensitivity",
            "Mean profit of a closed trade with its 95 % interval, when news whose time is assumed "
            "came later.",
        ),
        table(
            "The same run, replayed with assumed news times moved",
            (
                "news",
                "articles moved",
                "decisions changed",
                "trades",
                "net P&amp;L",
                "a trade",
                "95 %",
                "winners",
            ),
            cells,
        ),
        note("An article is counted once for each of its symbols."),
    )


def groups(tables: ReportTables) -> str:
    """Write P&L by side, hour, category and symbol."""
    if not tables.trades.height:
        return section("groups", "Where the P&amp;L comes from", note("No trade was closed."))
    parts = [
        f'<div class="half">{_grouped(found, f"By {text(found.name)}")}</div>'
        for found in tables.groups
    ]
    return section(
        "groups", "Where the P&amp;L comes from", f'<div class="pillars">{"".join(parts)}</div>'
    )


def _grouped(found: Groups, caption: str) -> str:
    rows = [
        (
            text(group.label.replace("_", " ").replace("+", " + ")),
            f"{group.trades:,}",
            money(group.pnl_usd),
            money(group.mean_usd),
            percent(group.hit_rate),
        )
        for group in found.groups
    ]
    if not rows:
        return note(f"{caption}: no closed trades.")
    heads = (text(found.name.partition(" of ")[0]), "trades", "P&amp;L", "a trade", "winners")
    left_out = note(words(found.note[0].upper() + found.note[1:]) + ".") if found.note else ""
    return table(caption, heads, rows) + left_out


def facts(tables: ReportTables) -> str:
    """Write what the run was made of."""
    rows = [
        f"<div><dt>{text(label)}</dt><dd>{text(value)}</dd></div>" for label, value in tables.facts
    ]
    return section("facts", "The run", f'<dl class="facts">{"".join(rows)}</dl>')
