"""A saved run can be opened again, with the lake that it was made from and no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from worlds import action_lake, copied, small_lake, small_run

from catalyst import Lake, Params, replay
from catalyst.data import lake_places
from catalyst.data.lake_places import lake_of, remember
from catalyst.data.settings import settings
from catalyst.errors import InputError
from catalyst.research.result import Result, summary_of


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return small_copy(tmp_path / "run")


def small_copy(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for path in small_run().folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with monkeypatch.context() as patch:
        patch.setenv("CATALYST_HOME", str(tmp_path / "home"))
        patch.delenv("CATALYST_LAKE", raising=False)
        settings.cache_clear()
        yield tmp_path / "home"
    settings.cache_clear()


def test_an_opened_run_has_the_tables_and_parameters_of_the_run(saved: Path) -> None:
    opened = Result.open(saved, small_lake())

    assert opened.params == small_run().params
    assert opened.params.hash == small_run().params.hash
    assert opened.trades.equals(small_run().trades)
    assert opened.summary == small_run().summary


def test_every_number_that_differs_from_the_variant_survives_the_folder(saved: Path) -> None:
    wider = Params.load("spec").replace(price_max=1000, bands=(1.0, 0.4, 0.2), patterns=["CDLDOJI"])
    summary = summary_of(saved) | {"params": wider.as_mapping(), "params_hash": wider.hash}
    (saved / "summary.json").write_text(json.dumps(summary), encoding="utf-8")

    assert Result.open(saved).params == wider


def test_a_run_is_not_opened_with_another_lake(saved: Path) -> None:
    with pytest.raises(InputError, match="holds other data than the run"):
        Result.open(saved, action_lake())


def test_a_run_is_not_opened_with_another_variant(saved: Path) -> None:
    with pytest.raises(InputError, match="replay it again"):
        Result.open(saved, params=Params.load("spec").replace(price_max=1000))


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"a": 1}'])
def test_a_folder_without_a_summary_is_no_run(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content, encoding="utf-8")

    with pytest.raises(InputError, match="is not the folder of a run"):
        Result.open(tmp_path)


@pytest.mark.usefixtures("home")
def test_a_lake_is_found_where_its_data_was_last_seen(tmp_path: Path) -> None:
    moved = copied(small_lake(), tmp_path / "moved")
    remember(moved)

    assert lake_of(small_run().summary).root == moved.root


@pytest.mark.usefixtures("home")
def test_a_remembered_lake_that_has_changed_is_not_taken(tmp_path: Path) -> None:
    moved = copied(small_lake(), tmp_path / "moved")
    remember(moved)
    next(iter(sorted(moved.root.rglob("bars/**/*.parquet")))).unlink()

    with pytest.raises(InputError, match="name that lake with --lake"):
        lake_of(small_run().summary)


@pytest.mark.usefixtures("home")
def test_another_lake_than_the_runs_is_refused() -> None:
    with pytest.raises(InputError, match="name that lake with --lake"):
        lake_of(small_run().summary, action_lake().root)


def test_a_damaged_note_of_places_is_no_obstacle(home: Path) -> None:
    (home / "state").mkdir(parents=True)
    (home / "state" / "lakes.json").write_text("[", encoding="utf-8")
    remember(small_lake())

    assert lake_of(small_run().summary).root.samefile(small_lake().root)
    assert lake_places._places() == {small_lake().digest(): str(small_lake().root)}


def test_slippage_is_what_the_price_differs_from_the_price_before_it() -> None:
    free = Params.load("spec").replace(slippage_bps=0, impact_bps=0)
    fills = replay(Lake(small_lake().root), free).fills

    assert small_run().summary["slippage_usd"] == float(
        small_run().fills["slippage"].sum() or Decimal(0)
    )
    assert small_run().summary["slippage_usd"] > 100
    # What is left is rounding to a hundredth of a cent.
    assert fills.filter(pl.col("slippage") > pl.col("quantity") * Decimal("0.0001")).height == 0
    assert fills.height > 10


def test_weighted_scores_sum_to_the_confidence() -> None:
    weights = [weight for _, weight in small_run().params.scored]
    sums = []
    for scores in small_run().signals["scores"]:
        total = 0.0
        for weight, score in zip(weights, scores, strict=True):
            total += weight * score
        sums.append(total)

    assert small_run().signals["confidence"].to_list() == sums
