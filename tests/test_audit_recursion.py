"""How much history a value needs is found exactly, and a value that never rests is named."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from component_samples import CLEAN, Any_
from typer.testing import CliRunner
from worlds import small_lake

from catalyst import Lake
from catalyst.cli.app import app
from catalyst.errors import LakeError
from catalyst.research.audit.component_files import Found
from catalyst.research.audit.recursion import RecursionAudit, audit_recursion
from catalyst.research.audit.warmup import Warmup, measured
from catalyst.strategy.values import Floats

OWN = ("sma50_position", "weighted_mean", "long_weights", "inside_bar", "quick_loss", "rvol_log")


def mean_of_all(bars: Any_, params: Any_) -> Any_:
    last = [close[:n] for close, n in zip(bars.close, bars.count.tolist(), strict=True)]
    return np.array([50.0 + 50.0 * np.tanh(c[-1] / c.mean() - 1.0) for c in last])


def running_mean(bars: Any_, params: Any_) -> Any_:
    out = []
    for close, n in zip(bars.close, bars.count.tolist(), strict=True):
        value = close[0]
        for x in close[:n]:
            value += (x - value) * 0.2
        out.append(50.0 + 50.0 * np.tanh(close[n - 1] / value - 1.0))
    return np.array(out)


@cache
def _audit() -> RecursionAudit:
    own = [Found(name, *CLEAN[name]) for name in OWN]
    own += [Found(f.__name__, "technical_score", f) for f in (mean_of_all, running_mean)]
    return audit_recursion(small_lake(), own=own, views=4)


def _bars(name: str) -> Warmup:
    return next(one for one in _audit().bars if one.name == name)


def _sessions(name: str) -> Warmup:
    return next(one for one in _audit().sessions if one.name == name)


@pytest.mark.parametrize(
    ("name", "bars"),
    [
        ("SMA 20", 20),
        ("SMA 50", 50),
        ("Bollinger 20", 20),
        ("RSI 14", 250),
        ("MACD 12,26,9", 250),
        ("ATR 14", 250),
        ("sma50_position", 50),
        ("weighted_mean", 20),
        ("long_weights", 250),
        ("inside_bar", 2),
        ("quick_loss", 1),
    ],
)
def test_the_bars_that_a_value_needs_are_found_exactly(name: str, bars: int) -> None:
    assert _bars(name).exact == bars


def test_an_exponential_mean_comes_to_rest_long_before_its_window_ends() -> None:
    ema = _bars("EMA 9")

    assert (ema.close, ema.exact) < (60, 250)


def test_relative_volume_needs_the_sessions_that_its_mean_rests_on() -> None:
    assert _sessions("relative volume").exact == 20


def test_a_mean_over_all_bars_never_comes_to_rest() -> None:
    assert _audit().endless == ["mean_of_all"]


def test_a_recursion_that_forgets_is_close_but_not_exact_soon() -> None:
    own = _bars("running_mean")

    assert (own.endless, own.close is not None and own.close < 100) == (False, True)


def test_decisions_no_longer_change_once_the_means_have_their_sessions() -> None:
    changes = {one.sessions: one.decisions_frac for one in _audit().decisions}

    assert (changes[1], changes[20]) == (1.0, 0.0)


def test_the_sentence_names_bars_sessions_and_what_never_rests() -> None:
    told = _audit().sentence

    assert told.startswith("Give a run at least 250 bars and 64 sessions before its first day")
    assert "mean_of_all never comes to rest" in told


def _short_lake(root: Path, days: int) -> Lake:
    """A few days of the small market, fifty bars of each."""
    lake = Lake(root / f"{days}-days", create=True)
    bars = small_lake().bars("5m", end=small_lake().days("5m")[days - 1])
    lake.add_bars(bars.group_by("symbol", pl.col("ts").dt.date().alias("day")).head(50).drop("day"))
    return lake


def test_a_lake_shorter_than_the_window_says_so(tmp_path: Path) -> None:
    audit = audit_recursion(_short_lake(tmp_path, 4), views=1)

    assert "too short to show it for RSI 14" in audit.sentence
    assert audit.ok


def test_a_lake_of_few_sessions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="holds 2 sessions; expected at least 4"):
        audit_recursion(_short_lake(tmp_path, 2))


def test_the_least_length_is_found_between_those_of_the_table() -> None:
    def last_37(n: int) -> Floats:
        return np.array([float(min(n, 37))])

    warmup = measured("x", "sessions", last_37, longest=200, lengths=(10, 64), every=False)

    assert (warmup.exact, [point.changed_frac for point in warmup.points]) == (37, [1.0, 0.0])


def test_an_audit_of_recursion_shows_itself() -> None:
    audit = _audit()

    assert ("SMA 50" in repr(audit), "<table>" in audit._repr_html_()) == (True, True)


def test_the_command_prints_json_and_tells_an_endless_component_by_its_status(
    tmp_path: Path,
) -> None:
    path = tmp_path / "endless_ideas.py"
    path.write_text(
        "import numpy as np\n"
        "def mean(bars, params):\n"
        "    last = [c[:n] for c, n in zip(bars.close, bars.count)]\n"
        "    return np.array([50.0 + 50.0 * np.tanh(c[-1] / c.mean() - 1.0) for c in last])\n",
        encoding="utf-8",
    )
    lake = str(_short_lake(tmp_path, 12).root)

    command = ["audit", "recursion", "--components", str(path), "--lake", lake, "--json"]
    done = CliRunner().invoke(app, command)

    assert (done.exit_code, json.loads(done.stdout)["endless"]) == (1, ["endless_ideas:mean"])
