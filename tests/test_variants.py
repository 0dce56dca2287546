"""Variants: bundled ones, files laid over one another, and a user's own components."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from worlds import LOOSE, daily_lake, digests, small_lake

from catalyst import Params, replay
from catalyst.data import variants
from catalyst.errors import ParamsError
from catalyst.research.result import Result
from catalyst.strategy.params import ScreenParams
from catalyst.strategy.portfolio import Entry
from catalyst.strategy.values import BarPanel, Floats, MarketView

MODULE = "my_ideas_for_a_test"
IDEAS = """
import numpy as np


def always_high(bars, params):
    return np.full(len(bars.count), 100.0)


def always_low(bars, params):
    return np.full(len(bars.count), 0.0)


def nothing(view, rows, params):
    return np.zeros(len(rows), np.bool_)


def higher_close(open_, high, low, close, volume):
    return 100 if close[-1] > close[-2] else -100


def leave_now(view, row, entry, params):
    return True


def calm(view, row, side, params):
    return 80.0
"""


@pytest.fixture
def ideas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / f"{MODULE}.py").write_text(textwrap.dedent(IDEAS), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield MODULE
    sys.modules.pop(MODULE, None)


def _written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def _run(params: Params) -> Result:
    return replay(small_lake(), params, start=small_lake().days("5m")[-5])


@cache
def _plain() -> Result:
    return _run(Params.load("spec").replace(**LOOSE))


@pytest.mark.parametrize("name", variants.names())
def test_every_bundled_variant_loads_under_its_name(name: str) -> None:
    params = variants.unfitted(name)

    assert params.variant == name
    assert len(params.hash) == 16
    assert variants.unfitted(name).hash == params.hash


def test_the_bundled_variants_are_the_promised_ones_and_more() -> None:
    assert {"spec", "daily", "thin", "intraday"} <= set(variants.names())


def test_spec_is_every_default() -> None:
    assert Params.load("spec") == Params()
    assert Params.load("intraday").hash == Params().hash


def test_daily_bars_lay_daily_under_any_variant() -> None:
    thin, daily = Params.load("thin", timeframe="1d"), Params.load("daily")

    assert thin.catalyst == daily.catalyst
    assert thin.execution == daily.execution
    assert thin.screen.price_max == Params.load("thin").screen.price_max
    assert thin.variant == "thin"
    assert Params.load("daily", timeframe="1d").hash == daily.hash
    assert Params.load("thin", timeframe="5m") == Params.load("thin")


def test_settings_win_over_everything() -> None:
    params = Params.load(
        "thin", timeframe="1d", settings=["screen.price_max=77", "catalyst.tau_hours=3"]
    )

    assert params.screen.price_max == 77.0
    assert params.catalyst.tau_hours == 3.0


def test_a_file_is_laid_over_another_that_is_laid_over_a_bundled_one(tmp_path: Path) -> None:
    below = _written(tmp_path, "over: thin\nrisk: {stop_frac: 0.03}", "below.yaml")
    mine = _written(tmp_path, f"over: {below}\nscreen: {{price_max: 50}}")
    params = Params.load(mine)

    assert params.variant == "mine"
    assert params.screen == ScreenParams(price_min=1, price_max=50, volume_min=20_000, rvol_min=1.2)
    assert (params.risk.stop_frac, params.risk.volume_frac) == (0.03, 0.10)


def test_a_variant_laid_over_itself_is_refused(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    _written(tmp_path, f"over: {second}", "a.yaml")
    _written(tmp_path, f"over: {first}", "b.yaml")

    with pytest.raises(ParamsError, match="laid over itself"):
        Params.load(first)


def test_what_a_mapping_says_loads_again_to_the_same_hash(tmp_path: Path) -> None:
    import yaml

    params = Params.load("thin").replace(price_max=321, tau_hours=2.5, variant="again")
    path = _written(tmp_path, yaml.safe_dump(params.as_mapping()), "again.yaml")

    assert Params.load(path) == params
    assert Params.load(path).hash == params.hash


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("screen: {price_maxx: 10}", "screen.price_maxx"),
        ("screeen: {price_max: 10}", "screeen"),
        ("screen: {price_max: -1}", "screen.price_max"),
        ("screen: {price_max: cheap}", "screen.price_max"),
        ("screen: 5", "screen"),
        ("risk: {stop_frac: 0.9}", "risk.stop_frac"),
        ("risk: {positions_max: 2.5}", "risk.positions_max"),
        ("risk: {flatten_at_close: 3}", "risk.flatten_at_close"),
        ("technical_score: nowhere:function", "nowhere:function"),
        ("technical_score: math:no_such", "math:no_such"),
        ("patterns: [CDLNOTHING]", "CDLNOTHING"),
        ("over: nothing_like_it", "nothing_like_it"),
        ("- a list", "list"),
        ("screen: {price_max: [1,", "not YAML"),
        ("scored: {catalyst: 2}", "catalyst"),
    ],
)
def test_a_variant_with_a_mistake_is_refused_by_name(text: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as refusal:
        Params.load(_written(tmp_path, text))

    assert named in str(refusal.value)
    assert "expected" in str(refusal.value) or "known are" in str(refusal.value)


# --- components --------------------------------------------------------------------------------


def test_a_technical_score_of_a_users_own_changes_results_and_hash(
    tmp_path: Path, ideas: str
) -> None:
    settings = "screen: {catalyst_min: 0, rvol_min: 0, volume_min: 0, price_max: 1000000}"
    high = Params.load(_written(tmp_path, f"technical_score: {ideas}:always_high\n{settings}"))
    low = Params.load(_written(tmp_path, f"technical_score: {ideas}:always_low\n{settings}"))
    runs = [_run(high), _run(low)]

    assert high.hash != low.hash != Params().hash
    assert set(runs[0].signals["technical_score"]) <= {100.0, 0.0, 50.0}
    assert 100.0 in set(runs[0].signals["technical_score"])
    assert digests(runs[0]) != digests(runs[1])
    assert runs[0].summary["params"]["technical_score"] == f"{ideas}:always_high"


def test_the_same_function_by_name_and_by_value_decides_the_same(
    tmp_path: Path, ideas: str
) -> None:
    module = importlib.import_module(ideas)
    by_name = Params.load(_written(tmp_path, f"technical_score: {ideas}:always_high"))
    by_value = Params.load("spec").replace(technical_score=module.always_high)

    assert by_name.technical_score.source_hash == by_value.technical_score.source_hash
    assert by_name.hash == by_value.hash


def score_by_last_bar(bars: BarPanel, _params: Params) -> Floats:
    rows = np.arange(len(bars.count))
    last = bars.count - 1
    return np.where(bars.close[rows, last] >= bars.open[rows, last], 95.0, 5.0)


def test_a_function_of_a_notebook_is_replayed_and_recorded() -> None:
    params = Params.load("spec").replace(technical_score=score_by_last_bar, **LOOSE)
    run = _run(params)
    sided = run.signals.filter(run.signals["side"] != "none")

    assert params.hash != Params.load("spec").replace(**LOOSE).hash
    assert set(sided["technical_score"]) == {95.0, 5.0}
    assert digests(run) != digests(_plain())
    assert run.decisions.height > 0


def test_an_entry_filter_drops_with_its_reason(ideas: str) -> None:
    module = importlib.import_module(ideas)
    run = _run(Params.load("spec").replace(entry_filters=[module.nothing], **LOOSE))

    assert run.signals.height == 0
    assert "entry_filter" in set(run.candidates["reason"])


def test_a_pattern_of_a_users_own_is_found_and_traded(ideas: str) -> None:
    module = importlib.import_module(ideas)
    run = _run(Params.load("spec").replace(patterns=[module.higher_close], **LOOSE))

    assert run.patterns["pattern"].n_unique() == 1
    assert "higher_close" in run.patterns["pattern"][0]
    assert run.patterns.height > 100
    assert run.fills.height > 0


def leave_at_once(_view: MarketView, _row: int, _entry: Entry, _params: Params) -> bool:
    return True


def test_an_exit_of_a_users_own_leaves() -> None:
    run = _run(Params.load("spec").replace(exits=["flatten", leave_at_once], **LOOSE))
    held = run.trades["exit_ts"] - run.trades["entry_ts"]

    assert run.trades.height > 5
    assert held.dt.total_minutes().median() <= 10  # type: ignore[operator]


def test_a_scored_component_of_a_users_own_makes_the_confidence(tmp_path: Path, ideas: str) -> None:
    params = Params.load(_written(tmp_path, f"scored: {{'{ideas}:calm': 0.5, pattern: 0.25}}"))
    run = _run(params.replace(**LOOSE))
    sided = run.signals.filter(run.signals["side"] != "none")
    expected = 40.0 + 0.25 * sided["pattern_score"]

    assert sided.height > 10
    assert (sided["confidence"] - expected).abs().max() < 1e-9  # type: ignore[operator]


def test_a_changed_function_changes_the_hash(tmp_path: Path, ideas: str) -> None:
    before = Params.load(_written(tmp_path, f"technical_score: {ideas}:always_high")).hash
    path = tmp_path / f"{ideas}.py"
    path.write_text(path.read_text().replace("100.0", "99.0"), encoding="utf-8")
    sys.modules.pop(ideas)
    importlib.invalidate_caches()
    cached = tmp_path / "__pycache__"
    for old in cached.glob("*.pyc"):
        old.unlink()

    assert Params.load(_written(tmp_path, f"technical_score: {ideas}:always_high")).hash != before


def test_daily_bars_run_under_a_variant_made_for_minutes() -> None:
    params = Params.load("thin", timeframe="1d").replace(**LOOSE)
    run = replay(daily_lake(), params, timeframe="1d")
    scans = run.decisions.filter(run.decisions["n_candidates"] > 0)["decided_at"]

    assert scans.dt.date().is_unique().all()
    assert run.trades.height > 0
