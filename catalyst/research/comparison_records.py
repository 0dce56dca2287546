"""A comparison as MLflow keeps it: a parent run, and a run nested in it for each variant."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.calendar import NEW_YORK
from catalyst.data.lake import Lake
from catalyst.data.report.curve_image import curve_image
from catalyst.research.compared import Compared, Comparison
from catalyst.research.comparison_table import BENCHMARKS
from catalyst.research.result import REPORT
from catalyst.research.track_record import Curve, TrackRecord, flat_params, tags_of
from catalyst.research.tracking import COMPARISON, EXPERIMENT, KIND, Tell, log_runs
from catalyst.strategy.params import Params
from catalyst.strategy.values import Floats

_NS_A_MS = 1_000_000
_BPS = 1e4
_FILES = (REPORT, "trades.parquet", "equity.parquet", "summary.json")


def announced_records(
    variants: Sequence[Params], *, lake: str
) -> tuple[TrackRecord, list[TrackRecord]]:
    """Return what can be said of a comparison before it ran: the parent, and each variant.

    Parameters
    ----------
    variants
        What is about to run.
    lake
        The lake's name.
    """
    nested = [
        TrackRecord(
            params.variant,
            params=flat_params(params),
            tags={"variant": params.variant, "params_hash": params.hash, "lake": lake},
        )
        for params in variants
    ]
    return TrackRecord(_title([one.name for one in nested]), tags={"lake": lake}), nested


def log_comparison(
    comparison: Comparison,
    lake: Lake,
    *,
    folders: Mapping[str, Path] | None = None,
    experiment: str = EXPERIMENT,
    announced: Path | None = None,
    tell: Tell | None = None,
) -> str:
    """Log a comparison in MLflow: a parent run, and one nested in it for each variant.

    Parameters
    ----------
    comparison
        What ran.
    lake
        What it ran on.
    folders
        Where each run was saved, by its name; None takes them from where they are.
    experiment
        Name of MLflow's experiment.
    announced
        From `catalyst.research.announced.announce`.
    tell
        Called with what is being done, in a few words.

    Returns
    -------
    str
        MLflow's id of the parent run.

    Raises
    ------
    InputError
        If the store can't be reached or written.
    """
    if folders is None:
        folders = {one.name: one.result.folder for one in comparison.whole if one.result}
    with tempfile.TemporaryDirectory(prefix="catalyst-compare-") as scratch:
        parent, nested = comparison_records(
            comparison, folders, Path(scratch), lake=lake.root.resolve().name
        )
        return log_runs(parent, nested, experiment=experiment, announced=announced, tell=tell)


def comparison_records(
    comparison: Comparison, folders: Mapping[str, Path], scratch: Path, *, lake: str
) -> tuple[TrackRecord, list[TrackRecord]]:
    """Return all that MLflow is told of a comparison: the parent, and each variant.

    Parameters
    ----------
    comparison
        What ran.
    folders
        The folder of each run that did not fail, by its name.
    scratch
        An empty folder for what is only an artifact.
    lake
        The lake's name.
    """
    nested = [
        _whole(one, comparison, folders[one.name], scratch, lake=lake)
        if one.result is not None
        else _failed(one, lake=lake)
        for one in comparison.variants
    ]
    return _parent(comparison, scratch, lake=lake), nested


def as_mapping(comparison: Comparison, folders: Mapping[str, Path]) -> dict[str, Any]:
    """Return a comparison as JSON-ready values.

    Parameters
    ----------
    folders
        Where each run was saved, by its name; may be empty.
    """
    return {
        "edge": comparison.headline,
        **({"set": comparison.edges.as_mapping()} if comparison.edges else {}),
        "benchmarks": comparison.benchmarks,
        "variants": [_variant(one, folders.get(one.name)) for one in comparison.variants],
    }


def _variant(one: Compared, folder: Path | None) -> dict[str, Any]:
    told: dict[str, Any] = {"variant": one.name, "params_hash": one.params.hash}
    if one.result is None:
        return {**told, "error": one.error}
    summary = one.result.summary
    hashes = ("decision_digest", "data_digest", "enrichment_hash", "code_version")
    return {
        **told,
        **{name: summary[name] for name in hashes},
        "start": summary["start"],
        "end": summary["end"],
        "timeframe": summary["timeframe"],
        "synthetic": bool(summary["synthetic"]),
        "folder": str(folder) if folder else None,
        "metrics": one.figures,
        "controls": one.luck,
        **(one.edge.as_mapping() if one.edge else {}),
        "edge": one.word,
        "intervals": {
            name: {"low": found.low, "high": found.high} for name, found in one.intervals.items()
        },
        "warnings": summary["warnings"],
    }


def _whole(
    one: Compared, comparison: Comparison, folder: Path, scratch: Path, *, lake: str
) -> TrackRecord:
    result = one.result
    assert result is not None  # noqa: S101 - the caller looked
    curve = result.benchmarks
    at_ms = curve["ts"].cast(pl.Int64).to_numpy() // _NS_A_MS
    equity = curve["strategy"].to_numpy() * one.params.risk.initial_equity_usd
    image = scratch / one.name / "equity.svg"
    image.parent.mkdir()
    title = f"{one.name}: growth, {result.summary['start']} to {result.summary['end']}"
    image.write_text(_image(title, curve, {"strategy": one.name}), encoding="utf-8")
    edge = one.edge
    tags = tags_of(result.summary, lake=lake)
    if edge is not None:
        tags |= {"edge": one.word, "edge_score": edge.score.word}
    return TrackRecord(
        one.name,
        params=flat_params(one.params),
        metrics=_metrics(one, comparison),
        curves={"equity": Curve(at_ms, equity)},
        tags=tags,
        files={
            **{name: folder / name for name in _FILES if (folder / name).exists()},
            "equity.svg": image,
        },
        note=_note(edge.headline, edge.reasons) if edge else "",
    )


def _failed(one: Compared, *, lake: str) -> TrackRecord:
    return TrackRecord(
        one.name,
        params=flat_params(one.params),
        tags={"variant": one.params.variant, "params_hash": one.params.hash, "lake": lake},
        note=one.error,
        error=one.error,
    )


def _metrics(one: Compared, comparison: Comparison) -> dict[str, float]:
    # MLflow sorts by name: the headlines come first, what explains them after.
    found: dict[str, float | None] = dict(one.figures)
    share = one.figures["slippage_share"]
    found["slippage_bps"] = share * _BPS if share is not None else None
    for name, figures in comparison.benchmarks.items():
        found |= {f"versus.{name}.{figure}": value for figure, value in figures.items()}
    found |= {f"versus.random.{name}": value for name, value in one.luck.items()}
    for name, interval in one.intervals.items():
        found |= {f"within.{name}.low": interval.low, f"within.{name}.high": interval.high}
    if one.edge is not None:
        found |= {f"verdict.{name}": value for name, value in one.edge.figures.items()}
        for leg in ("money", "score"):
            found[f"verdict.{leg}.p_value"] = getattr(one.edge, leg).p_value
    return {name: float(value) for name, value in found.items() if value is not None}


def _parent(comparison: Comparison, scratch: Path, *, lake: str) -> TrackRecord:
    curves = scratch / "curves.parquet"
    comparison.curves.write_parquet(curves)
    image = scratch / "curves.svg"
    table = scratch / "comparison.csv"
    comparison.table.write_csv(table)
    told = scratch / "comparison.json"
    told.write_text(json.dumps(as_mapping(comparison, {}), indent=2) + "\n", encoding="utf-8")
    whole = comparison.whole
    tags = {KIND: COMPARISON, "lake": lake, "edge": comparison.headline}
    files = {"comparison.csv": table, "comparison.json": told}
    if whole:
        first = whole[0].result
        assert first is not None  # noqa: S101 - whole ones have their run
        names = {one.name: one.name for one in whole}
        title = f"growth, {first.summary['start']} to {first.summary['end']}"
        image.write_text(_image(title, comparison.curves, names), encoding="utf-8")
        files |= {"curves.parquet": curves, "curves.svg": image}
        shared = tags_of(first.summary, lake=lake)
        tags |= {
            name: text
            for name, text in shared.items()
            if name not in {"params_hash", "decision_digest", "variant"}
        }
    return TrackRecord(
        _title([one.name for one in comparison.variants]),
        metrics={
            "n_variants": len(comparison.variants),
            "n_failed": len(comparison.variants) - len(whole),
            **_of_set(comparison),
        },
        tags=tags,
        files=files,
        note=_note(comparison.headline, comparison.edges.reasons if comparison.edges else ())
        + "\n\n"
        + "\n".join(_markdown(comparison)),
        error="every variant failed" if not whole else "",
    )


def _of_set(comparison: Comparison) -> dict[str, float]:
    edges = comparison.edges
    if edges is None:
        return {}
    found = {"probability_of_backtest_overfitting": edges.overfitting}
    return found | ({"spa_p_value": edges.spa.p_value} if edges.spa else {})


def _markdown(comparison: Comparison) -> list[str]:
    shown = ("net_return", "sharpe", "max_drawdown", "n_trades")
    head = ["| | return | Sharpe | drawdown | trades | edge |", "|---|---|---|---|---|---|"]
    forms = ("{:+.2%}", "{:.2f}", "{:.2%}", "{:,.0f}")
    rows = [
        f"| {one.name} | "
        + " | ".join(
            form.format(value) if (value := one.figures[name]) is not None else "-"
            for name, form in zip(shown, forms, strict=True)
        )
        + f" | {one.word} |"
        if one.result is not None
        else f"| {one.name} | failed | | | | |"
        for one in comparison.variants
    ]
    return [*head, *rows]


def _image(title: str, curve: pl.DataFrame, names: Mapping[str, str]) -> str:
    days = [at.astimezone(NEW_YORK).date() for at in curve["ts"]]

    def grown(column: str) -> Floats:
        return np.asarray(curve[column].to_numpy(), np.float64)

    return curve_image(
        title,
        days,
        [(label, grown(column)) for column, label in names.items()],
        [(label, grown(column)) for column, label in BENCHMARKS.items()],
    )


def _note(headline: str, reasons: Sequence[str]) -> str:
    return "\n".join([f"**{headline}**", "", *(f"- {reason}" for reason in reasons)])


def _title(names: Sequence[str]) -> str:
    return ", ".join(names)
