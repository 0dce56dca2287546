"""The look-ahead audit finds every planted leak, and nothing where there is none."""

from __future__ import annotations

import datetime as dt
import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numba import njit
from planted_leaks import Case, audited, clean, leaks, params, tiny_lake
from typer.testing import CliRunner
from worlds import INSTANT, LOOSE, action_lake, copied, daily_lake, scratch, small_lake

from catalyst import Lake, Params, replay
from catalyst.cli.app import app
from catalyst.data.feed import Feed
from catalyst.data.market import Market
from catalyst.errors import InputError
from catalyst.research.audit import LookaheadAudit, audit_lookahead
from catalyst.research.audit.original import Original
from catalyst.research.audit.remade import PERTURBATIONS, RemadeLake
from catalyst.strategy.values import BarPanel, Floats, Indices, MarketView, Survey

AT = dt.datetime(2023, 7, 3, 15, 15, tzinfo=dt.UTC)
SECTORS = {f"ZQA{letter}": ("bank", "oil", "chip")[k % 3] for k, letter in enumerate("ABCDEFGHIJ")}
WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4])


def _ns(instant: dt.datetime) -> int:
    return int(instant.timestamp()) * 10**9


@pytest.mark.parametrize("case", leaks(), ids=lambda case: case.name.replace(" ", "-"))
def test_a_planted_leak_is_found(case: Case) -> None:
    audit = audited(case)

    assert not audit.ok
    assert audit.verdict == "found"


@pytest.mark.parametrize("case", clean(), ids=lambda case: case.name.replace(" ", "-"))
def test_a_plug_without_a_leak_is_not_accused(case: Case) -> None:
    assert [str(one) for one in audited(case, sample=4).violations] == []


# 20 clean components ------------------------------------------------------------------------------


def _last(bars: BarPanel) -> Floats:
    found: Floats = bars.close[np.arange(len(bars.count)), np.maximum(bars.count - 1, 0)]
    return found


def flat(bars: BarPanel, _params: Params) -> Floats:
    return np.full(len(bars.count), 50.0)


def by_price(bars: BarPanel, _params: Params) -> Floats:
    return np.clip(_last(bars), 0.0, 100.0)


def by_logarithm(bars: BarPanel, _params: Params) -> Floats:
    return np.array([min(100.0, 10.0 * math.log1p(price)) for price in _last(bars)])


def weighted(bars: BarPanel, _params: Params) -> Floats:
    out = np.full(len(bars.count), 50.0)
    for row, n in enumerate(bars.count.tolist()):
        if n >= len(WEIGHTS):
            mean = float(bars.close[row, n - len(WEIGHTS) : n] @ WEIGHTS)
            out[row] = 75.0 if bars.close[row, n - 1] > mean else 25.0
    return out


@njit(cache=True)
def _closeness_nb(price: float, level: float) -> float:
    return 100.0 / (1.0 + abs(price - level))


def near_a_round_price(bars: BarPanel, _params: Params) -> Floats:
    return np.array([_closeness_nb(price, round(price)) for price in _last(bars).tolist()])


def _with_threshold(level: float) -> Callable[[BarPanel, Params], Floats]:
    def score(bars: BarPanel, _params: Params) -> Floats:
        return np.where(_last(bars) > level, 70.0, 30.0)

    return score


def of_window(bars: BarPanel, used: Params) -> Floats:
    return np.clip(bars.count / used.technical.window * 100.0, 0.0, 100.0)


def steep(rvol: Floats, _params: Params) -> Floats:
    return np.clip(40.0 * np.nan_to_num(rvol), 0.0, 100.0)


def stepped(rvol: Floats, _params: Params) -> Floats:
    return np.select([rvol >= 2.0, rvol >= 1.0], [90.0, 50.0], 30.0)


def inside(rvol: Floats, _params: Params) -> Floats:
    return np.where(np.abs(rvol - 1.5) < 0.5, 80.0, 20.0)


def not_banks(view: MarketView, rows: Indices, _params: Params) -> np.ndarray[Any, Any]:
    names = [view.names[int(view.symbols[row])] for row in rows]
    return np.array([SECTORS.get(name) != "bank" for name in names], np.bool_)


def traded(view: MarketView, rows: Indices, _params: Params) -> np.ndarray[Any, Any]:
    return view.base.count[rows] >= 80


def early(view: MarketView, rows: Indices, _params: Params) -> np.ndarray[Any, Any]:
    return np.full(len(rows), view.asof_ns < view.session.close_ns)


def wide_bar(_open: Floats, high: Floats, low: Floats, close: Floats, _volume: Floats) -> int:
    return 100 if len(close) and high[-1] - low[-1] > 0.01 * close[-1] else 0


def rising(_open: Floats, _high: Floats, _low: Floats, close: Floats, _volume: Floats) -> int:
    return 100 if len(close) > 3 and bool(np.all(np.diff(close[-4:]) > 0)) else 0


def after_noon(view: MarketView, _row: int, _entry: object, _params: Params) -> bool:
    return view.asof_ns > view.session.open_ns + 3 * 3_600_000_000_000


def never(_view: MarketView, _row: int, _entry: object, _params: Params) -> bool:
    return False


def half(_view: MarketView, _row: int, _side: int, _params: Params) -> float:
    return 50.0


def share_of_range(view: MarketView, row: int, side: int, _params: Params) -> float:
    n = int(view.base.count[row])
    low, high = view.base.low[row, :n].min(), view.base.high[row, :n].max()
    place = (view.base.close[row, n - 1] - low) / max(high - low, 1e-9)
    return float(100.0 * (place if side > 0 else 1.0 - place))


CLEAN: list[tuple[str, dict[str, Any]]] = [
    *((f.__name__, {"technical_score": f}) for f in (flat, by_price, by_logarithm, weighted)),
    ("with a kernel", {"technical_score": near_a_round_price}),
    ("with a threshold", {"technical_score": _with_threshold(30.0)}),
    ("with another threshold", {"technical_score": _with_threshold(math.e * 10)}),
    ("of the window", {"technical_score": of_window}),
    *((f.__name__, {"volume_score": f}) for f in (steep, stepped, inside)),
    *((f.__name__, {"entry_filters": (f,)}) for f in (not_banks, traded, early)),
    ("two filters", {"entry_filters": (not_banks, traded)}),
    *((f.__name__, {"patterns": ("candlesticks", "events", f)}) for f in (wide_bar, rising)),
    *((f.__name__, {"exits": ("news_reversal", f)}) for f in (after_noon, never)),
    *(
        (f.__name__, {"scored": {"catalyst": 0.5, "pattern": 0.3, f: 0.2}})
        for f in (half, share_of_range)
    ),
]


@pytest.mark.parametrize(("name", "changes"), CLEAN, ids=[name for name, _ in CLEAN])
def test_a_clean_component_is_not_accused(name: str, changes: dict[str, Any]) -> None:
    case = Case(name, {"params": params(**changes)}, days=1)

    assert [str(one) for one in audited(case, sample=8).violations] == []


# The clean strategy -------------------------------------------------------------------------------


@cache
def _whole() -> LookaheadAudit:
    return audit_lookahead(tiny_lake(), params(), start=tiny_lake().days("5m")[-2])


def test_the_strategy_knows_nothing_early_at_any_decision_time() -> None:
    audit = _whole()

    assert [str(one) for one in audit.violations] == []
    assert audit.instants == audit.decision_times > 250
    assert audit.perturbations == 2 * audit.instants


def test_an_audited_run_decides_as_the_run_itself() -> None:
    run = replay(tiny_lake(), params(), start=tiny_lake().days("5m")[-2])

    assert _whole().decision_digest == run.summary["decision_digest"]


def test_splits_and_dividends_for_everyone_raise_no_alarm() -> None:
    # Two symbols are split on that day, and all pay a dividend on the next.
    day = action_lake().days("5m")[21]
    audit = audit_lookahead(action_lake(), params(), start=day, end=day, replays=False)

    assert [str(one) for one in audit.violations] == []


def test_daily_bars_raise_no_alarm() -> None:
    used = Params.load("spec", timeframe="1d").replace(allow_short=True, **LOOSE)
    audit = audit_lookahead(daily_lake(), used, start=daily_lake().days("1d")[-30])

    assert [str(one) for one in audit.violations] == []
    assert audit.instants == 30
    assert "100% of bar times are assumed" in audit.verdict


@cache
def _hourly_lake() -> Lake:
    bars = tiny_lake().bars("5m").sort("symbol", "ts")
    hours = bars.group_by_dynamic("ts", every="1h", group_by="symbol").agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
        pl.col("volume").sum(),
    )  # fmt: skip
    lake = Lake(scratch() / "tiny-hourly", create=True)
    lake.add_bars(hours, timeframe="1h", source="synthetic")
    news = tiny_lake().news().select("headline", "published_at", "known_at", "symbol", "source")
    lake.add_news(news)
    return lake


def test_hourly_bars_raise_no_alarm() -> None:
    lake = _hourly_lake()
    audit = audit_lookahead(lake, params(), start=lake.days("1h")[-4])

    assert [str(one) for one in audit.violations] == []
    assert audit.instants == audit.decision_times


def test_bars_corrected_later_raise_no_alarm() -> None:
    lake = copied(tiny_lake(), scratch() / "corrected-by-the-hour")
    late = dt.timedelta(minutes=35)
    some = tiny_lake().bars("5m").filter(pl.col("volume") % 3 == 0)
    lake.add_bars(some.with_columns(pl.col("high") * 1.2, known_at=pl.col("known_at") + late))
    audit = audit_lookahead(lake, params(), start=lake.days("5m")[-1], replays=False)

    assert [str(one) for one in audit.violations] == []


# The machinery ------------------------------------------------------------------------------------


def test_a_remade_lake_is_the_same_in_memory_and_on_disk() -> None:
    with tempfile.TemporaryDirectory() as folder:
        original = Original(tiny_lake(), grace_ns=2 * 10**9, seed=0, scratch=Path(folder))
        for perturbation in PERTURBATIONS:
            remade = RemadeLake(original, perturbation, _ns(AT))
            files = Lake(remade.root)

            assert files.bars("5m").equals(remade.bars("5m"))
            assert files.news().equals(remade.news())
            assert files.actions().equals(remade.actions())
            assert files.universe().equals(remade.universe())
            assert files.symbols("5m") == remade.symbols("5m")
            assert files.days("5m") == remade.days("5m")


def test_a_cut_lake_holds_what_was_known_and_nothing_else() -> None:
    with tempfile.TemporaryDirectory() as folder:
        original = Original(tiny_lake(), grace_ns=0, seed=0, scratch=Path(folder))
        cut = RemadeLake(original, "cut", _ns(AT))
        known = pl.col("known_at") <= pl.lit(AT).cast(INSTANT)

        assert cut.bars("5m").equals(tiny_lake().bars("5m").filter(known))
        assert cut.news().equals(tiny_lake().news().filter(known))


def test_another_future_leaves_what_was_known_and_changes_all_else() -> None:
    with tempfile.TemporaryDirectory() as folder:
        original = Original(tiny_lake(), grace_ns=0, seed=0, scratch=Path(folder))
        other = RemadeLake(original, "other", _ns(AT), late_bars=False).bars("5m")
        known = pl.col("known_at") <= pl.lit(AT).cast(INSTANT)
        mine = tiny_lake().bars("5m")

        assert other.filter(known).equals(mine.filter(known))
        same = other.filter(~known)["close"] == mine.filter(~known)["close"]
        assert int(same.sum()) < 0.01 * len(same)


def test_a_split_that_is_not_known_yet_hides_no_bar() -> None:
    days = tiny_lake().days("5m")
    symbols = tiny_lake().symbols("5m")
    later = dt.datetime.combine(days[-1], dt.time(19), dt.UTC)
    lake = copied(tiny_lake(), scratch() / "late-split")
    rows = {"symbol": symbols, "ex_date": [days[-1]] * len(symbols)}
    lake.add_actions(
        pl.DataFrame(rows).with_columns(
            kind=pl.lit("split"), value=pl.lit(3.0), known_at=pl.lit(later).cast(INSTANT)
        )
    )
    surveys = []
    for one in (tiny_lake(), lake):
        feed = Feed(one)
        market = Market(feed, params())
        before, sessions = feed.span(days[-1], days[-1])
        market.warm_up(before)
        market.open_session(sessions[0])
        surveys.append(market.advance(_ns(later) - 60 * 10**9)[1])

    assert surveys[0].n_bars.tolist() == surveys[1].n_bars.tolist()
    assert surveys[0].price.tolist() == surveys[1].price.tolist()


def test_a_market_that_looks_ahead_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    push = Market._push_until

    def too_far(market: Market, asof_ns: int) -> None:
        push(market, asof_ns + 5 * 60 * 10**9)

    monkeypatch.setattr(Market, "_push_until", too_far)
    audit = audit_lookahead(
        tiny_lake(), params(), start=tiny_lake().days("5m")[-1], sample=6, replays=False
    )

    assert {one.layer for one in audit.violations} >= {"survey"}


def test_a_stated_sample_says_what_it_may_miss() -> None:
    audit = audited(Case("none", {}, days=1), sample=5)

    assert audit.instants == 5
    assert "(1 - p)^5: 95%" in audit.coverage


def test_a_lake_cut_before_a_sessions_first_bar_raises_no_alarm() -> None:
    # Over the whole span one of the cuts falls on 04:00, when the session has no bar yet.
    audit = audit_lookahead(small_lake(), Params.load("spec"), sample=1)

    assert "04:00" in audit.coverage
    assert audit.violations == []


def test_the_same_seed_gives_the_same_audit() -> None:
    case = next(one for one in leaks() if one.name == "cluster rank counted from its end")

    assert audited(case).as_mapping() == audited(case).as_mapping()


# Wrong use ----------------------------------------------------------------------------------------


def _cut_short(seen: Survey | MarketView, _lake: Lake) -> Survey | MarketView:
    return replace(seen, rvol=seen.rvol[:-1]) if isinstance(seen, Survey) else seen


@pytest.mark.parametrize(
    ("plug", "message"),
    [
        ({"loader": 3}, "loader is a int; expected a function loader(lake)"),
        ({"loader": lambda: 1}, "expected a function loader(lake)"),
        ({"loader": lambda _lake: None}, "the loader returned None; expected a lake, or a dict"),
        ({"loader": lambda _lake: {"prices": 1}}, "tables named prices; expected some of bars"),
        ({"loader": lambda lake: {"bars": lake.bars("5m").drop("known_at")}}, "no column"),
        ({"loader": lambda lake: {"news": lake.actions()}}, "no column 'news_id'"),
        ({"loader": lambda lake: lake.nothing()}, "the loader failed on the lake itself"),
        ({"view_builder": lambda seen: seen}, "expected a function view_builder(seen, lake)"),
        ({"view_builder": lambda _seen, _lake: None}, "was given a Survey and returned None"),
        ({"view_builder": lambda seen, _lake: 1 // 0 or seen}, "failed on the lake itself at"),
        ({"view_builder": _cut_short}, "gave rvol as float64[10]; expected float64[11]"),
        ({"fills": lambda fills, _lake: 1 // 0 or fills}, "the fills failed on the lake itself"),
        ({"fills": lambda _fills, _lake: 1}, "fills returned a int; expected a tuple of Fill"),
        ({"sample": 0}, "sample is 0; expected a number"),
        ({"sample": "some"}, "sample is 'some'; expected a number"),
    ],
)
def test_a_plug_of_another_shape_is_refused_in_a_sentence(
    plug: dict[str, Any], message: str
) -> None:
    told: dict[str, Any] = {"sample": 2, "start": tiny_lake().days("5m")[-1]} | plug

    with pytest.raises(InputError) as error:
        audit_lookahead(tiny_lake(), params(), **told)

    assert message in str(error.value)


@cache
def _saved() -> Path:
    run = replay(tiny_lake(), Params.load("spec"), start=tiny_lake().days("5m")[-1])
    return run.save(scratch() / "audited-run")


def test_the_command_audits_a_saved_run() -> None:
    told = ["audit", "lookahead", "--run", str(_saved()), "--lake", str(tiny_lake().root)]
    result = CliRunner().invoke(app, [*told, "--sample", "4", "--json"])
    found = json.loads(result.stdout)

    assert (result.exit_code, found["ok"], found["instants"]) == (0, True, 4)
    assert {"decision_times", "perturbations", "violations", "runtime_s", "coverage"} <= set(found)


def test_the_command_takes_a_loader_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import polars as pl\n\n\ndef load(lake):\n"
        "    news = lake.news()\n"
        "    return {'news': news.with_columns(known_at=pl.col('published_at'))}\n",
        encoding="utf-8",
    )
    told = ["audit", "lookahead", "--run", str(_saved()), "--lake", str(tiny_lake().root)]
    result = CliRunner().invoke(
        app, [*told, "--sample", "4", "--json", "--loader", f"{tmp_path}/mine.py:load"]
    )

    assert result.exit_code == 1
    assert json.loads(result.stdout)["violations"][0]["layer"] == "facts"


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def stop(_done: int, _total: int, _day: dt.date) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit_lookahead(
            tiny_lake(), params(), start=tiny_lake().days("5m")[-1], sample=2, progress=stop
        )

    assert list(tmp_path.iterdir()) == []


def test_an_audit_shows_itself() -> None:
    case = next(one for one in leaks() if one.name == "news when published")
    audit = audited(case)

    assert "look-ahead audit" in repr(audit)
    assert "<table>" in audit._repr_html_()
    assert replace(audit, violations=[])._repr_html_().count("<table>") == 0
