"""Parameters that take effect by date: how they are written, what they may change, what they do."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from worlds import LOOSE, small_lake

from catalyst import Params, replay
from catalyst.data import variants
from catalyst.errors import ParamsError
from catalyst.research.result import Result
from catalyst.strategy.history import history_key
from catalyst.strategy.param_dates import FIXED
from catalyst.strategy.params import SECTIONS

SPEC = Params.load("spec")
JULY = {"scored": {"catalyst": 0.5, "pattern": 0.5}, "risk": {"stop_frac": 0.03}}
EPOCH = dt.date(1970, 1, 1)


def day(text: str) -> int:
    return (dt.date.fromisoformat(text) - EPOCH).days


def dated(**changes: Any) -> Params:  # noqa: ANN401 - parts of a variant
    return SPEC.updated({"by_date": {"2023-07-03": JULY}} | changes)


# Written


def test_the_hash_of_spec_knows_nothing_of_dates_moves_and_controls() -> None:
    assert SPEC.hash == "ca414f4a13284180"
    assert Params.load("thin").hash == Params().updated(variants.unfitted("thin").as_mapping()).hash


def test_a_day_runs_with_the_last_entry_that_is_not_later() -> None:
    params = dated(by_date={"2023-07-03": JULY, "2023-08-01": {"risk": {"stop_frac": 0.04}}})

    assert params.on(day("2023-07-02")) == SPEC
    assert params.on(day("2023-07-03")) == SPEC.updated(JULY)
    assert params.on(day("2023-07-31")) == SPEC.updated(JULY)
    assert params.on(day("2030-01-01")).risk.stop_frac == 0.04
    assert params.on(day("2030-01-01")).hash == SPEC.replace(stop_frac=0.04).hash


def test_dates_change_the_hash_and_so_does_what_they_change() -> None:
    other = dated(by_date={"2023-07-03": {"risk": {"stop_frac": 0.031}}})
    later = dated(by_date={"2023-07-05": JULY})

    assert len({SPEC.hash, dated().hash, other.hash, later.hash}) == 4


def test_dates_survive_a_file_and_a_runs_summary(tmp_path: Path) -> None:
    path = tmp_path / "dated.yaml"
    path.write_text(
        "by_date:\n  2023-07-03: {scored: {catalyst: 0.5, pattern: 0.5}, risk: {stop_frac: 0.03}}\n"
        "  2023-08-01: {control: {seed: 3}, patterns: [CDLDOJI]}\n"
    )
    loaded = Params.load(path)

    assert loaded.on(day("2023-08-01")).control.seed == 3
    assert variants.from_mapping(loaded.as_mapping(), "summary") == loaded
    assert Params().updated(yaml.safe_load(yaml.safe_dump(loaded.as_mapping()))) == loaded


def test_a_summary_holds_of_each_date_what_it_changes() -> None:
    assert dated().as_mapping()["by_date"] == {"2023-07-03": JULY}
    assert "by_date" not in SPEC.as_mapping()


def test_a_setting_is_laid_over_every_date() -> None:
    wider = dated().replace(price_max=1000.0)

    assert wider.on(day("2024-01-02")) == SPEC.updated(JULY).replace(price_max=1000.0)
    assert wider.on(0).screen.price_max == 1000.0


def test_the_components_of_a_date_are_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "calm.py").write_text("def calm(rvol, params):\n    return rvol * 0 + 50.0\n")
    (tmp_path / "mine.yaml").write_text("by_date: {2023-07-03: {volume_score: calm.py:calm}}\n")

    params = Params.load(tmp_path / "mine.yaml")

    assert params.on(day("2023-07-03")).volume_score.function is not None
    assert params.volume_score.function is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"July": {}}, "by_date has 'July'; expected a date such as 2023-07-03"),
        ({"2023-02-30": {}}, "by_date has '2023-02-30'; expected a date"),
        ({"2023-07-03": 5}, "by_date of 2023-07-03 is 5; expected names with values"),
        (7, "by_date is 7; expected dates"),
        ({"2023-07-03": {"by_date": {"2023-08-01": JULY}}}, "has a by_date of its own"),
        (((5, SPEC), (5, SPEC)), "1970-01-06 after 1970-01-06; expected each date once"),
        (((5, "spec"),), "expected dates with what changes"),
        ({"2023-07-03": {"risk": {"stop": 1}}}, "there is no parameter 'risk.stop'"),
    ],
)
def test_what_is_wrong_with_dates_is_one_sentence(given: object, told: str) -> None:
    with pytest.raises(ParamsError, match=told.replace("(", r"\(")):
        SPEC.updated({"by_date": given})


@pytest.mark.parametrize(("section", "name"), FIXED)
def test_what_history_rests_on_is_the_same_on_all_days(section: str, name: str) -> None:
    changed = {"technical.window": 240, "screen.mean_sessions": 19}.get(f"{section}.{name}")
    changed = changed or other_value(getattr(getattr(SPEC, section), name))

    with pytest.raises(ParamsError, match=f"2023-07-03 sets {section}.{name} to"):
        dated(by_date={"2023-07-03": {section: {name: changed}}})


def test_every_number_that_shapes_history_is_fixed() -> None:
    shaping = {
        (section, f.name)
        for section, cls in SECTIONS.items()
        for f in fields(cls)
        if history_key(SPEC.replace(**{f.name: other_value(f.default, f.metadata.get("high", 1))}))
        != history_key(SPEC)
    }

    assert shaping == set(FIXED) - {("risk", "initial_equity_usd")}


def other_value(value: Any, high: float = math.inf) -> Any:  # noqa: ANN401 - a value of its type
    """Give another legal value."""
    if isinstance(value, bool):
        return not value
    if value == ():
        return (1,)
    if isinstance(value, tuple):
        return (*value[:-1], value[-1] * 0.8 if isinstance(value[-1], float) else value[-1] // 2)
    if isinstance(value, float):
        return value * 0.99
    return value + 1 if value + 1 <= high and value != 250 else value / 2


# Done

LATER = {
    "scored": {"catalyst": 0.6, "volume": 0.4},
    "risk": {"stop_frac": 0.01, "target_1_r": 0.5, "trail_frac": 0.004},
    "execution": {"slippage_bps": 25, "entry_bars": 1},
    "screen": {"scan_minutes": 10, "final_count": 3},
}
BASE = SPEC.replace(**LOOSE)


@cache
def days() -> list[dt.date]:
    return small_lake().days("5m")[-8:]


@cache
def whole() -> Result:
    params = BASE.updated({"by_date": {str(days()[4]): LATER}})
    return replay(small_lake(), params, start=days()[0])


def without_ids(frame: pl.DataFrame, since: dt.date, column: str) -> pl.DataFrame:
    begins = dt.datetime.combine(since, dt.time(), dt.UTC)
    ids = [name for name in frame.columns if name.endswith(("_id", "_ids", "_seq"))]
    return frame.filter(pl.col(column) >= begins).drop(ids)


def test_before_a_date_a_run_is_that_of_its_variant() -> None:
    alone = replay(small_lake(), BASE, start=days()[0], end=days()[3])

    assert alone.fills.height > 20
    assert whole().signals.head(alone.signals.height).equals(alone.signals)
    assert whole().fills.head(alone.fills.height).equals(alone.fills)
    assert whole().equity.head(alone.equity.height).equals(alone.equity)


def test_from_a_date_on_a_run_is_that_of_the_new_parameters() -> None:
    first, since = whole(), days()[4]
    before = replay(small_lake(), BASE, start=days()[0], end=days()[3])
    cash = float(before.equity["equity"][-1])
    params = BASE.updated(LATER).replace(initial_equity_usd=cash)
    alone = replay(small_lake(), params, start=since)

    assert not any(before.summary["open_positions"].values())
    for table, column in (("candidates", "decided_at"), ("signals", "decided_at")):
        got = without_ids(getattr(first, table), since, column)
        expected = without_ids(getattr(alone, table), since, column)
        assert got.height > 100
        assert got.equals(expected), table
    got, expected = (without_ids(r.fills, since, "filled_at") for r in (first, alone))
    assert got.height > 10
    assert got.equals(expected)
    assert first.equity["equity"][-1] == alone.equity["equity"][-1]


def test_a_saved_run_remembers_its_dates(tmp_path: Path) -> None:
    whole().save(tmp_path / "run", report=False)
    again = Result.open(tmp_path / "run", small_lake())

    assert again.params == whole().params
    assert again.summary["params_hash"] == whole().params.hash
