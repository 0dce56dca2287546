"""The truth about a run's scores as one page of HTML: the named test, decay, buckets, all tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from catalyst.data.report.charts import score_chart
from catalyst.data.report.document import document
from catalyst.data.report.markup import (
    DASH,
    between,
    figure,
    note,
    section,
    signed,
    table,
    text,
    words,
)
from catalyst.data.report.values import Horizon, Interval, ScoreTable
from catalyst.research.score_truth import ScoreCard, ScoreTruth

_TONES = {"supported": "gain", "contradicted": "loss", "not shown": "open"}
_Section = tuple[str, str, str]


def score_page(found: ScoreTruth, summary: Mapping[str, Any]) -> str:
    """Write the page.

    Parameters
    ----------
    found
        What it shows.
    summary
        Of the run.
    """
    charts: dict[str, Any] = {}
    s = summary
    sections = [
        _verdict(found),
        _decay(found, charts),
        _buckets(found, charts),
        _tests(found),
    ]
    return document(
        f"Scores of {s['variant']} on {s['timeframe']} bars, {s['start']} to {s['end']}",
        brand="score study",
        about=f"{s['symbols']:,} symbols, {s['sessions']:,} sessions. Returns are before costs, "
        "less the market's.",
        sections=sections,
        content={"charts": charts, "windows": {}, "stories": {}},
        synthetic=bool(s["synthetic"]),
    )


def _verdict(found: ScoreTruth) -> _Section:
    first, *rest = (found.verdict.sentence, *found.verdict.reasons, found.explored)
    html = (
        f'<div class="verdict tone-{_TONES[found.verdict.word]}"><p class="first">{words(first)}'
        f"</p>{''.join(f'<p>{words(sentence)}</p>' for sentence in rest)}</div>"
    )
    return "verdict", "Verdict", section("verdict", "Does the score tell what follows?", html)


def _decay(found: ScoreTruth, charts: dict[str, Any]) -> _Section:
    cards = []
    for place, card in enumerate(found.cards):
        name = f"decay-{place}"
        charts[name] = decay_chart(card, found.horizons)
        cards.append(
            f'<article class="card"><h3>{text(_title(card))}</h3>'
            f"{figure(name, 'Rank correlation by horizon, with its 95 % interval.')}</article>"
        )
    html = section(
        "decay",
        "How long it lasts",
        note(
            "Spearman's correlation, within a decision, of the score with the return that followed "
            "until each horizon. Above zero the higher score did better. Bars are 95 % intervals: "
            "days drawn again and again, in blocks as long as the horizon."
        ),
        f'<div class="cards">{"".join(cards)}</div>',
    )
    return "decay", "Decay", html


def decay_chart(card: ScoreCard, horizons: Sequence[Horizon]) -> dict[str, Any]:
    """Draw the correlation of a score with returns over each horizon."""

    def known(value: float) -> float | None:
        return round(value, 4) if math.isfinite(value) else None

    tests = card.tests
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [horizon.label.removeprefix("to the ") for horizon in horizons],
                "y": [known(test.ic) for test in tests],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [known(test.high - test.ic) for test in tests],
                    "arrayminus": [known(test.ic - test.low) for test in tests],
                    "color": "@strategy",
                    "thickness": 1.6,
                    "width": 5,
                },
                "text": [f"{test.count:,} on {test.days:,} days" for test in tests],
                "hovertemplate": "%{x}: %{y:+.3f}, %{text}<extra></extra>",
                "line": {"color": "@strategy", "width": 1.6, "dash": "dot"},
                "marker": {"color": "@strategy", "size": 8},
                "showlegend": False,
            }
        ],
        "layout": {
            "xaxis": {"type": "category"},
            "yaxis": {"title": {"text": "rank correlation"}, "zeroline": True, "zerolinewidth": 2},
        },
    }


def _buckets(found: ScoreTruth, charts: dict[str, Any]) -> _Section:
    chosen = next(k for k, h in enumerate(found.horizons) if h.key == found.named.horizon)
    options = "".join(
        f'<option value="{k}"{" selected" if k == chosen else ""}>{text(h.label)}</option>'
        for k, h in enumerate(found.horizons)
    )
    cards = []
    for place, card in enumerate(found.cards):
        parts = [f'<article class="card"><h3>{text(_title(card))}</h3>']
        if not any(cell.count for cells in card.by_level.cells for cell in cells):
            cards.append(f"{parts[0]}{note('There was none to look at.')}</article>")
            continue
        for k, test in enumerate(card.tests):
            says = card.by_level.correlations[k].sentence
            parts.append(
                f'<p class="h h{k}">{words(f"{says} {_order(test.rising, test.falling)}")}</p>'
            )
        for kind, own in (("level", card.by_level), ("rank", card.by_rank)):
            name = f"{kind}-{place}"
            charts[name] = [
                score_chart(own, k, horizon.label) for k, horizon in enumerate(found.horizons)
            ]
            parts.append(figure(name, f"{_SHOWS[kind]}: {text(own.about)}."))
            parts.append(_numbers(own, found.horizons))
        cards.append("".join([*parts, "</article>"]))
    html = section(
        "buckets",
        "What each score earned",
        note(
            "By level: buckets of about as many rows each, lowest score first. By rank: the place "
            "within the decision, less what the others of the same decision made. No costs."
        ),
        f'<p class="filter"><label>Horizon <select id="horizon">{options}</select></label></p>',
        f'<div class="cards">{"".join(cards)}</div>',
    )
    return "buckets", "Buckets", html


_SHOWS = {"level": "Mean return by level", "rank": "Mean return by rank"}


def _order(rising: float, falling: float) -> str:
    if not math.isfinite(rising):
        return "Whether returns rise from each fifth to the next can't be told."
    if rising <= 0.05:
        return f"Returns rise from each fifth of the score to the next (p = {rising:.3f})."
    if falling <= 0.05:
        return f"Returns fall from each fifth of the score to the next (p = {falling:.3f})."
    return (
        f"Neither a rise nor a fall from each fifth to the next is shown (p = {rising:.2f} and "
        f"{falling:.2f})."
    )


def _numbers(own: ScoreTable, horizons: Sequence[Horizon]) -> str:
    heads = ["bucket"]
    for k, horizon in enumerate(horizons):
        heads += [
            f'<span class="h h{k}">{head}</span>'
            for head in (f"bps {text(horizon.label)}", "95 %", "number", "days")
        ]
    rows = []
    for label, cells in zip(own.buckets, own.cells, strict=True):
        row = [text(label)]
        for k, cell in enumerate(cells):
            row += [f'<span class="h h{k}">{part}</span>' for part in _cell(cell)]
        rows.append(row)
    shown = table(text(own.name), heads, rows, kind="scores", hidden=True)
    return f"<details><summary>The numbers</summary>{shown}</details>"


def _cell(cell: Interval) -> tuple[str, str, str, str]:
    if not cell.count:
        return DASH, DASH, "0", "0"
    interval = between(cell.low, cell.high)
    return signed(cell.value, 1), interval, f"{cell.count:,}", f"{cell.days:,}"


def _tests(found: ScoreTruth) -> _Section:
    rows = [[text(cell) for cell in cells_of(row)] for row in found.tests.iter_rows(named=True)]
    html = section(
        "tests",
        "Every test",
        table(
            "The first was named beforehand; the others are explored, and stand or fall together",
            HEADS,
            rows,
        ),
        note(
            "rising, falling: p-values of a rise or a fall at every step over fifths of the score "
            "(Patton and Timmermann 2010). spread: highest fifth less lowest, bps. stands: after "
            "Benjamini and Hochberg's correction for all explored tests, at most 5 % of them false."
        ),
    )
    return "tests", "Tests", html


HEADS = (
    "score",
    "of",
    "horizon",
    "correlation",
    "95 %",
    "p",
    "stands",
    "rising",
    "falling",
    "spread",
    "number",
    "days",
)


def cells_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of a row of `ScoreTruth.tests`, in the order of `HEADS`."""

    def number(value: float | None, form: str) -> str:
        return DASH if value is None else form.format(value)

    low, high = row["low"], row["high"]
    return (
        row["score"],
        row["population"],
        row["horizon"],
        number(row["ic"], "{:+.3f}"),
        DASH if low is None else f"{low:+.3f} to {high:+.3f}",
        _p(row["p_value"]),
        "named" if row["named"] else {None: DASH, True: "yes", False: "no"}[row["stands"]],
        number(row["rising"], "{:.2f}"),
        number(row["falling"], "{:.2f}"),
        number(row["spread_bps"], "{:+.1f}"),
        f"{row['count']:,}",
        f"{row['days']:,}",
    )


def _p(value: float | None) -> str:
    if value is None:
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _title(card: ScoreCard) -> str:
    return card.name[0].upper() + card.name[1:]
