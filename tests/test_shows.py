"""Runs, funnels, trades and parameters show themselves, in a notebook and to print."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from worlds import LOOSE, daily_lake, small_lake, small_run

from catalyst import Params, replay
from catalyst.data.calendar import NEW_YORK
from catalyst.data.param_story import param_story
from catalyst.research.result import Result
from catalyst.research.shows import funnel_of, run_story, trades_story
from catalyst.strategy.param_content import content
from catalyst.strategy.params import SECTIONS

SPEC = Params()


class Balanced(HTMLParser):
    """Notes tags that are not closed in the order in which they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def unbalanced(html: str) -> list[str]:
    parser = Balanced()
    parser.feed(html)
    return [*parser.wrong, *parser.open]


@cache
def filtered_run() -> Result:
    params = SPEC.replace(entry_filters=[keep_all, keep_even], **LOOSE)
    return replay(small_lake(), params, start=small_lake().days("5m")[-2])


@cache
def empty_run() -> Result:
    return replay(small_lake(), SPEC.replace(catalyst_min=100), start=small_lake().days("5m")[-2])


def keep_all(_view: Any, rows: Any, _params: Any) -> Any:  # noqa: ANN401 - arrays
    return rows >= 0


def keep_even(view: Any, rows: Any, _params: Any) -> Any:  # noqa: ANN401 - arrays
    return view.symbols[rows] % 2 == 0


# --- runs --------------------------------------------------------------------------------------


def test_a_run_tells_warnings_before_figures() -> None:
    text = str(run_story(small_run()))

    assert text.index(small_run().summary["warnings"][0][:30]) < text.index("net return")
    first = run_story(small_run()).sections[0]
    assert [fact.text for fact in first.facts] == small_run().summary["warnings"]


def test_a_run_shows_the_figures_of_its_summary() -> None:
    s = small_run().summary
    rows = {fact.text: fact.cells[1:] for fact in run_story(small_run()).sections[1].facts}

    assert rows["net return"] == (
        f"{s['net_return']:+.2%}",
        f"{s['benchmarks']['buy_and_hold']['net_return']:+.2%}",
        f"{s['benchmarks']['equal_weight']['net_return']:+.2%}",
    )
    assert rows["net P&L, USD"][0] == f"{s['net_pnl']:+,.2f}"


def test_a_run_claims_no_edge() -> None:
    lost, won = (Result(SPEC, small_run().folder) for _ in range(2))
    flat = {"net_return": -0.5}
    marks = {"buy_and_hold": flat, "equal_weight": flat}
    for run, gain in ((lost, -0.1), (won, 0.1)):
        run.__dict__["summary"] = small_run().summary | {
            "net_return": gain,
            "benchmarks": {k: small_run().summary["benchmarks"][k] | v for k, v in marks.items()},
        }

    assert "-10.00%, a loss, if smaller than both benchmarks'" in run_story(lost).headline.text
    assert "+10.00%, ahead of both; that proves nothing yet" in run_story(won).headline.text


def test_a_run_draws_its_growth_beside_buy_and_hold() -> None:
    html, s = small_run()._repr_html_(), small_run().summary
    points = [line.split() for line in re.findall(r'points="([^"]*)"', html)]

    assert [len(line) for line in points] == [s["sessions"] + 2] * 2
    assert points[0][0] == points[1][0]
    assert f"strategy {s['net_return']:+.2%} (blue)" in html
    assert f"hold {s['benchmarks']['buy_and_hold']['net_return']:+.2%} (grey)" in html


RUNS: dict[str, Callable[[], Result]] = {
    "trades": small_run,
    "empty": empty_run,
    "daily": lambda: replay(daily_lake(), Params.load("daily"), timeframe="1d"),
}


@pytest.mark.parametrize("name", RUNS)
def test_every_kind_of_run_shows_itself(name: str) -> None:
    run = RUNS[name]()
    htmls = [x._repr_html_() for x in (run, run.funnel, run.show_trades(), run.params)]

    assert [unbalanced(html) for html in htmls] == [[], [], [], []]
    assert all(len(repr(x)) > 20 for x in (run, run.funnel))


# --- funnel ------------------------------------------------------------------------------------


def test_a_funnels_counts_are_those_of_the_tables() -> None:
    table = small_run().funnel.table
    by_stage = dict(table.group_by("stage").agg(pl.col("count").sum()).rows())
    candidates = dict(small_run().candidates.group_by("stage").len().rows())

    assert by_stage == {**candidates, 0: small_run().signals.height}
    assert (table["of"] == table["stage"].replace_strict(by_stage)).all()


def test_a_funnel_passes_on_what_the_next_stage_gets() -> None:
    passed = dict(
        small_run().funnel.table.filter(pl.col("rule") == "passed").select("stage", "count").rows()
    )
    of = dict(small_run().funnel.table.select("stage", "of").unique().rows())

    assert (passed[20], passed[5]) == (of[5], of[0])


def test_a_funnel_says_thresholds() -> None:
    rules = small_run().funnel.table.filter(pl.col("rule") == "catalyst_min")

    assert rules["threshold"].to_list() == [30.0]
    assert rules["text"].to_list() == ["has a catalyst score below the minimum (30)"]


def test_a_funnel_names_the_filter_that_refused() -> None:
    rows = filtered_run().funnel.table.filter(pl.col("rule") == "entry_filter")

    assert rows["text"].to_list() == [f"was refused by {__name__}:keep_even"]


def test_an_empty_funnel_says_why() -> None:
    nothing = empty_run().candidates.clear()
    run = Result(SPEC, empty_run().folder)
    run.__dict__ |= {"candidates": nothing, "signals": empty_run().signals.clear()}

    assert "no symbol had news" in repr(funnel_of(run))


# --- trades ------------------------------------------------------------------------------------


def test_trades_are_shown_in_new_york_time() -> None:
    first = small_run().trades.sort("entry_ts", "trade_id").row(0, named=True)
    cells = trades_story(small_run(), 1).sections[0].facts[0].cells
    local = first["entry_ts"].astimezone(NEW_YORK)

    assert cells[0] == first["symbol"]
    assert cells[3] == f"{local:%Y-%m-%d %H:%M}"
    assert cells[8] == f"{first['pnl']:+,.2f}"
    assert first["trade_id"].startswith(cells[-1])


def test_as_many_trades_are_shown_as_are_asked_for() -> None:
    shown = [len(small_run().show_trades(n).sections[0].facts) for n in (1, 3, 10_000)]

    assert shown == [1, 3, small_run().trades.height]
    assert isinstance(small_run().trades, pl.DataFrame)


# --- parameters --------------------------------------------------------------------------------


def test_differences_are_own_value_and_the_others() -> None:
    changed = SPEC.replace(price_max=1000, exits=["flatten"])

    assert changed.differences()["screen.price_max"] == (1000.0, 500.0)
    assert set(changed.differences()) == {"screen.price_max", "exits"}
    assert SPEC.differences(changed)["screen.price_max"] == (500.0, 1000.0)
    assert SPEC.differences() == {}


def test_another_body_of_a_component_is_a_difference() -> None:
    one, two = ({"__name__": "mine"} for _ in range(2))
    for k, space in enumerate((one, two)):
        exec(f"def f(o, h, l, c, v):\n    return {k}\n", space)  # noqa: S102 - the user's code under test
    a, b = (SPEC.replace(patterns=[space["f"]]) for space in (one, two))

    assert set(a.differences(b)) == {"patterns"}


def test_parameters_print_what_differs() -> None:
    assert repr(SPEC) == "Params(spec)"
    assert repr(SPEC.replace(price_max=1000, variant="mine")) == (
        "Params(mine; screen.price_max=1,000)"
    )


def test_parameters_tell_what_differs_first_and_then_everything() -> None:
    story = param_story(SPEC.replace(price_max=1000))
    names = [fact.values.get("name") for section in story.sections for fact in section.facts]

    assert names[0] == "screen.price_max"
    assert names[1:] == list(content(SPEC, idle=True))


def test_a_notebook_shows_parameters() -> None:
    html = Params.load("thin")._repr_html_()

    assert html.index("what differs from spec") < html.index("e-folding time")
    assert "f(view, row, side, params)" in html


def told(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "catalyst", "params", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_params_lists_every_number_with_its_range() -> None:
    listed = json.loads(told("--set", "screen.price_max=1000", "--json").stdout)
    facts = {
        fact["values"]["name"]: fact["values"]
        for section in listed["sections"][1:]
        for fact in section["facts"]
    }

    assert facts["screen.price_max"] == {
        "name": "screen.price_max",
        "value": 1000.0,
        "default": 500.0,
        "low": 0,
        "high": 10_000_000.0,
        "meaning": "USD",
    }
    assert {name.partition(".")[0] for name in facts} >= set(SECTIONS)


def test_params_says_only_what_differs_between_two_variants(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("over: thin\nscreen: {price_max: 77}\n")
    lines = told("--variant", str(tmp_path / "mine.yaml"), "--diff", "thin").stdout.splitlines()

    assert lines[-1].split() == ["screen.price_max", "77", "10,000"]
    assert len(lines) == 5


def test_params_refuses_a_variant_that_is_not_there() -> None:
    refused = told("--diff", "nothing")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "there is no variant 'nothing'" in refused.stderr
