"""Calibration: without an edge the search claims none too often, with a large one it claims it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result
from worlds import daily_lake

from catalyst.cli.app import app
from catalyst.errors import InputError
from catalyst.research.calibration import (
    _EDGES,
    _WORLDS,
    Calibration,
    calibrate,
    share_interval,
)
from catalyst.research.calibration_page import calibration_page, chance_chart
from catalyst.research.null_worlds import KINDS, SimulatedSize
from catalyst.research.world_search import EXITS, OPENED, SIMULATED, Search, World, search_world

RUNNER = CliRunner()
#: Two variants with few scans.
SMALL = Search(("spec", "news_only"), (*OPENED, "screen.scan_minutes=60"), ())
#: Two trials of one variant, for worlds of daily bars, which take a third as long.
DAILY = Search(("news_only",), OPENED, EXITS[:1])
TINY = World(
    SIMULATED,
    5,
    replace(SMALL, variants=("news_only",)),
    size=SimulatedSize(symbols=8, sessions=12),
)


@cache
def ten() -> Calibration:
    intraday = [World(kind, 20 + k, SMALL) for k, kind in enumerate((*KINDS, SIMULATED))]
    lake = daily_lake()
    daily = [
        World(KINDS[k % 3], 30 + k, DAILY, str(lake.root), lake.digest(), timeframe="1d")
        for k in range(6)
    ]
    return calibrate([*intraday, *daily], processes=1)


def told(claims: list[bool], *, scale: float = 0.0) -> Calibration:
    rows = [
        (str(k), SIMULATED, k, scale, 3, claimed, False, claimed, False)
        for k, claimed in enumerate(claims)
    ]
    return Calibration(
        pl.DataFrame(rows, schema=_WORLDS, orient="row"), pl.DataFrame(schema=_EDGES)
    )


def test_ten_worlds_without_an_edge_are_not_claimed_too_often() -> None:
    found = ten().as_mapping()

    assert found["worlds"] == 10
    assert found["p_value"] >= 0.01
    assert set(found["by_kind"]) == {*KINDS, SIMULATED}
    # Had nothing been tested, nothing could have been claimed.
    assert ten().edges["money_p"].drop_nulls().len() >= 10
    assert ten().edges["score_p"].drop_nulls().len() >= 10


def test_a_world_is_searched_with_a_ledger_of_its_own() -> None:
    assert ten().worlds["trials"].to_list() == [2] * 10


def test_a_large_planted_edge_is_claimed_by_both_legs() -> None:
    settings = (*OPENED, "screen.catalyst_min=40", "screen.scan_minutes=60")
    size = SimulatedSize(symbols=60, sessions=60)

    found = search_world(
        World(SIMULATED, 3, Search(("news_only",), settings, ()), size=size, edge_scale=8.0)
    )

    (edge,) = found["edges"]
    assert (edge["money"], edge["score"]) == ("supported", "supported")


def test_an_interrupted_calibration_goes_on_to_the_same_result(tmp_path: Path) -> None:
    worlds = [replace(TINY, seed=seed) for seed in (5, 6)]
    calibrate(worlds[:1], folder=tmp_path, processes=1)
    seen: list[int] = []

    resumed = calibrate(
        worlds, folder=tmp_path, processes=1, progress=lambda done, _: seen.append(done)
    )

    whole = calibrate(worlds, processes=1)
    assert seen == [1, 2]
    assert resumed.worlds.equals(whole.worlds)
    assert resumed.edges.equals(whole.edges)


def test_the_same_world_twice_is_refused() -> None:
    with pytest.raises(InputError, match="two of the worlds are the same"):
        calibrate([TINY, TINY])


def test_claims_above_the_level_are_a_finding_and_at_it_none() -> None:
    often, seldom = told([True] * 30 + [False] * 170), told([True] * 12 + [False] * 188)

    assert often.is_finding
    assert often.sentence.startswith(
        "The search claims too often: an edge was claimed in 30 of 200"
    )
    assert not seldom.is_finding
    assert seldom.p_value == pytest.approx(0.30, abs=0.01)


def test_only_worlds_without_an_edge_are_counted_against_the_search() -> None:
    found = told([True] * 20, scale=2.0)

    assert found.as_mapping()["worlds"] == 0
    assert found.p_value == 1.0
    assert found.as_mapping()["by_edge"][0]["claimed"] == 20


def test_the_interval_of_a_share_is_clopper_and_pearsons() -> None:
    # Their table: 0 of 10 and 5 of 10 at 95 %.
    assert share_interval(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-4)
    assert share_interval(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4)


def test_the_page_shows_every_kind_and_the_spread_of_chances() -> None:
    page = calibration_page(ten())

    assert all(f'<th scope="row">{kind}</th>' in page for kind in (*KINDS, SIMULATED))
    counts = chance_chart(ten().edges["score_alone"].drop_nulls().to_numpy())["data"][0]["y"]
    assert sum(counts) == ten().edges["score_alone"].drop_nulls().len()


def invoked(*arguments: str) -> Result:
    return RUNNER.invoke(app, ["calibrate", *arguments])


def test_the_command_prints_json_and_leaves_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "calibration"
    asked = ["--worlds", "2", "--companies", "8", "--sessions", "12", "--variants", "news_only"]

    found = invoked(*asked, "--kinds", SIMULATED, "--workers", "1", "--out", str(out), "--json")

    summary = json.loads(found.stdout)
    assert (summary["worlds"], summary["level"]) == (2, 0.05)
    assert {"claimed", "p_value", "claimed_money", "claimed_score", "by_kind"} <= set(summary)
    assert sorted(path.name for path in out.iterdir()) == [
        "calibration.html",
        "calibration.json",
        "edges.parquet",
        "worlds.parquet",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kinds", "moon"), "--kinds names 'moon'"),
        (("--timeframe", "5m"), "--timeframe names a part of a lake"),
        (("--power", "--scales", "a,b"), "--scales is 'a,b'"),
        (("--power", "--kinds", "news"), "leave --lake and --kinds out"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    assert said in str(invoked(*arguments).exception)
