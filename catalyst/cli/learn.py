"""``catalyst learn``: what outcomes teach: weights of the scores, reliability of sources."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalyst.cli.asked import (
    EndOption,
    LakeOption,
    SettingsOption,
    SourcesOption,
    SymbolsOption,
    TimeframeOption,
    ask,
    console,
    progress,
)

if TYPE_CHECKING:
    from catalyst.data.report.values import Interval
    from catalyst.research.learning import Learning
    from catalyst.research.learning_forecast import Forecasts
    from catalyst.research.learning_model import Study
    from catalyst.research.reliability import SourceLearning
    from catalyst.research.result import Result

EPILOG = """
**Examples**

    catalyst learn                                      # weights of spec's four scores by month
    catalyst learn --lake my-lake --timeframe 1d --variant spec --out learned.yaml
    catalyst learn --reliability                        # which sources' news worked out
    catalyst learn --reliability --half-life 30 --out trusted.yaml
    catalyst learn --model boosting                     # a study of all features, not traded
    catalyst learn --json

All is learned from the lake's first session on, each month from what was known before it.
`catalyst backtest --variant learned.yaml` replays what --out wrote.
"""
_SHOWN = 20


def command(
    *,
    lake: LakeOption = None,
    variant: Annotated[
        str, typer.Option(help="The variant to learn over: bundled, or a YAML file.")
    ] = "spec",
    timeframe: TimeframeOption = None,
    end: EndOption = None,
    symbols: SymbolsOption = None,
    sources: SourcesOption = None,
    settings: SettingsOption = None,
    reliability: Annotated[
        bool,
        typer.Option("--reliability", help="Learn how reliable sources are, and tier weights."),
    ] = False,
    half_life: Annotated[
        float, typer.Option(help="Days after which an outcome counts half (--reliability).")
    ] = 90.0,
    strength: Annotated[
        float, typer.Option(help="Outcomes that a source's prior counts as (--reliability).")
    ] = 10.0,
    model: Annotated[
        str | None, typer.Option(help="Study all features instead: boosting or logistic.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of intervals and shuffles.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="A YAML file for what was learned, to be replayed.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Learn from the outcomes of a variant's signals, each month from what was known before."""
    from catalyst.data.variants import load
    from catalyst.research.learning import base_run, learn_from, months_of
    from catalyst.research.learning_file import check_file, write_learned
    from catalyst.research.learning_forecast import forecasts_of

    _check(model, out, reliability=reliability)
    if out is not None:
        check_file(out, force=force)
    asked = ask(lake, timeframe=timeframe, start=None, end=end, symbols=symbols, sources=sources)
    base = load(variant, timeframe=asked.timeframe, settings=settings or [])
    part = asked.extent
    with progress("replaying") as report:
        result = base_run(
            asked.lake,
            base,
            timeframe=part["timeframe"],
            end=part["end"],
            symbols=part["symbols"],
            sources=part["sources"],
            progress=report,
        )
    learned = None
    show: Callable[[], None]
    with console().status("learning from the outcomes ..."):
        if model is not None:
            from catalyst.research.learning_model import study

            found = study(result, model, seed=seed)
            told, show = _study_json(found), partial(_show_study, found)
        elif reliability:
            sourced = _sources(result, half_life, strength)
            told, show = _sources_json(sourced), partial(_show_sources, sourced)
            learned = sourced.params
        else:
            learning = learn_from(result)
            forecasts = forecasts_of(learning, months_of(result), seed=seed)
            told = _weights_json(learning, forecasts)
            show = partial(_show_weights, learning, forecasts)
            learned = learning.params
    if out is not None and learned is not None:
        write_learned(out, learned, over=variant, settings=settings or [], force=force)
        told["out"] = str(out)
    head = {"variant": base.variant, "timeframe": asked.timeframe, "lake": str(asked.lake.root)}
    if as_json:
        typer.echo(json.dumps({**head, **told}, indent=2))
        return
    show()
    if out is not None:
        typer.echo(f"written to {out}; replay it with catalyst backtest --variant {out}")


def _check(model: str | None, out: Path | None, *, reliability: bool) -> None:
    from catalyst.errors import InputError

    if model is not None and reliability:
        raise InputError("--model and --reliability are both given; choose one of them")
    if model is not None and out is not None:
        raise InputError(
            f"--out {out} is given with --model {model}, a study that is not traded; leave it out"
        )
    if model is not None:
        from catalyst.research.learning_model import check_kind

        check_kind(model)


def _sources(result: Result, half_life: float, strength: float) -> SourceLearning:
    from catalyst.research.reliability import Prior, learn_sources

    return learn_sources(result, prior=Prior(half_life, strength))


def _date(day: int) -> str:
    from catalyst.data.calendar import day_to_date

    return str(day_to_date(day))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _interval(found: Interval) -> dict[str, Any]:
    return {
        "value": _number(found.value),
        "low": _number(found.low),
        "high": _number(found.high),
        "count": found.count,
        "days": found.days,
    }


def _forecasts_json(found: Forecasts) -> dict[str, Any]:
    return {
        "sentence": found.sentence,
        "signals": found.rows.height,
        "stories": found.stories,
        "log_loss": _number(found.log_loss),
        "log_loss_base": _number(found.log_loss_base),
        "brier": _number(found.brier),
        "brier_base": _number(found.brier_base),
        "gain": _interval(found.gain),
        "calibration": [
            {
                "low": one.low,
                "high": one.high,
                "forecast": one.forecast,
                "observed": _interval(one.observed),
            }
            for one in found.bins
        ],
    }


def _weights_json(learning: Learning, forecasts: Forecasts) -> dict[str, Any]:
    refits = [
        {
            "from": _date(one.day),
            "weights": dict(zip(learning.components, one.weights, strict=True)),
            "labels": one.n_labels,
            "effective": one.effective,
            "base_rate": _number(one.base_rate),
            "intercept": one.fit.intercept if one.fit else None,
            "coefficients": list(one.fit.weights) if one.fit else None,
            "note": one.note,
        }
        for one in learning.refits
    ]
    return {
        "params_hash": learning.params.hash,
        "refits": refits,
        "forecasts": _forecasts_json(forecasts),
    }


def _sources_json(found: SourceLearning) -> dict[str, Any]:
    months = [
        {"from": _date(day), "tier_weights": list(weights), "sources": table.to_dicts()}
        for (day, table), weights in zip(found.tables, found.weights, strict=True)
    ]
    return {"params_hash": found.params.hash, "months": months}


def _study_json(found: Study) -> dict[str, Any]:
    return {
        "model": found.kind,
        "forecasts": _forecasts_json(found.forecasts),
        "importances": [
            {"feature": one.feature, "loss": _interval(one.loss)} for one in found.importances
        ],
    }


def _print(title: str, columns: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for k, name in enumerate(columns):
        table.add_column(name, justify="right" if k else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _shown_interval(found: Interval, form: str) -> str:
    if not math.isfinite(found.low):
        return f"{found.value:{form}}"
    return f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})"


def _show_weights(learning: Learning, forecasts: Forecasts) -> None:
    if not learning.refits:
        typer.echo("Nothing to learn from: no month begins within the lake, or after its last day.")
        return
    rows = [
        [
            _date(one.day),
            *(f"{weight:.3f}" for weight in one.weights),
            f"{one.n_labels:,}",
            f"{one.effective:.0f}",
            "-" if math.isnan(one.base_rate) else f"{one.base_rate:.1%}",
        ]
        for one in learning.refits
    ]
    columns = ["from", *learning.components, "outcomes", "unique", "good"]
    _print("Weights by month", columns, rows)
    for one in learning.refits:
        if one.note:
            typer.echo(f"{_date(one.day)}: the weights before stay, {one.note}.")
    _show_forecasts(forecasts)


def _show_forecasts(found: Forecasts) -> None:
    rows = [
        [
            f"{one.low:.1%} to {one.high:.1%}",
            f"{one.observed.count:,}",
            f"{one.forecast:.1%}",
            _shown_interval(one.observed, ".1%"),
        ]
        for one in found.bins
    ]
    if rows:
        columns = ["probability", "signals", "foretold", "came true (95 %)"]
        _print("Calibration, out of sample", columns, rows)
    typer.echo(found.sentence)


def _show_sources(found: SourceLearning) -> None:
    if not found.tables:
        typer.echo("Nothing to learn from: no month begins within the lake.")
        return
    day, table = found.tables[-1]
    rows = [
        [
            row["source"],
            str(row["tier"]),
            f"{row['mean']:.1%} ({row['low']:.1%} to {row['high']:.1%})",
            f"{row['count']:.1f}",
        ]
        for row in table.sort(["count", "source"], descending=[True, False]).head(_SHOWN).to_dicts()
    ]
    title = f"Reliability of sources at {_date(day)}: {min(_SHOWN, table.height)} most used"
    columns = ["source", "tier", "good outcomes (95 %)", "outcomes"]
    _print(f"{title} of {table.height:,}", columns, rows)
    weights = [
        [_date(first), *(f"{weight:.4f}" for weight in own)]
        for (first, _), own in zip(found.tables, found.weights, strict=True)
    ]
    _print("Tier weights by month", ["from", *(f"tier {t}" for t in range(1, 6))], weights)


def _show_study(found: Study) -> None:
    rows = [[one.feature, _shown_interval(one.loss, "+.4f")] for one in found.importances[:_SHOWN]]
    if rows:
        columns = ["feature", "log loss when shuffled (95 %)"]
        _print(f"What {found.kind} reads, out of sample", columns, rows)
    _show_forecasts(found.forecasts)
    typer.echo("A study: nothing of it is traded.")
