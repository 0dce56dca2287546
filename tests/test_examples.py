"""The worked examples and what docs/own-ideas.md says of them: all of its code runs."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY
from worlds import LOOSE, small_lake

from catalyst import Params, replay
from catalyst.data.own_modules import own_module
from catalyst.research.audit.components import audit_components
from catalyst.research.result import Result
from catalyst.strategy.params import COMPONENTS

EXAMPLES = REPOSITORY / "examples"
NAMES = ["volume_spike", "sector_filter", "new_candlestick"]
DOC = (REPOSITORY / "docs" / "own-ideas.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)


@cache
def run(name: str) -> Result:
    params = Params.load(EXAMPLES / f"{name}.yaml").replace(**LOOSE)
    return replay(small_lake(), params, start=small_lake().days("5m")[-4])


def function(name: str, attribute: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(own_module(name, [EXAMPLES]), attribute)
    return found


# --- the examples ------------------------------------------------------------------------------


def bars(volume: list[float], open_: list[float], close: list[float]) -> Any:  # noqa: ANN401 - a view's likeness
    base = SimpleNamespace(
        count=np.array([len(volume)]),
        volume=np.array([volume]),
        open=np.array([open_]),
        close=np.array([close]),
    )
    return SimpleNamespace(base=base)


@pytest.mark.parametrize(
    ("times", "move", "side", "expected"),
    [
        (4.0, 1.0, 1, 100.0),
        (9.0, 1.0, 1, 100.0),
        (2.0, 1.0, 1, 75.0),
        (4.0, -1.0, 1, 0.0),
        (4.0, -1.0, -1, 100.0),
        (4.0, 0.0, 1, 50.0),
    ],
)
def test_a_volume_spike_scores_haste_in_the_trades_direction(
    times: float, move: float, side: int, expected: float
) -> None:
    view = bars([100.0] * 20 + [100.0 * times], [10.0] * 21, [10.0] * 20 + [10.0 + move])

    assert function("volume_spike", "spike")(view, 0, side, None) == expected


def test_a_volume_spike_can_not_tell_without_history() -> None:
    spike = function("volume_spike", "spike")

    assert spike(bars([5.0] * 20, [1.0] * 20, [2.0] * 20), 0, 1, None) == 50.0
    assert spike(bars([0.0] * 20 + [9.0], [1.0] * 21, [2.0] * 21), 0, 1, None) == 50.0


@pytest.mark.parametrize(
    ("high", "low", "close", "expected"),
    [
        ([10, 9, 11], [5, 6, 7], [8, 8, 10.5], 100),
        ([10, 9, 9], [5, 6, 4], [8, 8, 4.5], -100),
        ([10, 9, 11], [5, 6, 7], [8, 8, 9.5], 0),
        ([10, 10, 11], [5, 6, 7], [8, 8, 10.5], 0),
        ([10, 9], [5, 6], [8, 8], 0),
    ],
    ids=["up", "down", "no break", "not inside", "two bars"],
)
def test_an_inside_break_is_a_close_beyond_the_wide_bar(
    high: list[float], low: list[float], close: list[float], expected: int
) -> None:
    inside_break = function("new_candlestick", "inside_break")
    series = [np.array(x, np.float64) for x in (close, high, low, close, close)]

    assert inside_break(*series) == expected


def test_the_spike_is_a_fifth_of_the_confidence() -> None:
    signals = run("volume_spike").signals
    spikes = signals["scores"].list.get(4)

    assert [w for _, w in run("volume_spike").params.scored][4] == 0.2
    assert spikes.n_unique() > 20
    assert (spikes.min(), spikes.max()) == (0.0, 100.0)


def test_the_filter_refuses_its_sector_and_no_other() -> None:
    own = own_module("sector_filter", [EXAMPLES])
    candidates = run("sector_filter").candidates
    refused = candidates.filter(candidates["reason"] == "entry_filter")

    assert set(refused["symbol"]) <= own.HEALTH_CARE  # type: ignore[union-attr]
    assert set(run("sector_filter").signals["symbol"]).isdisjoint(own.HEALTH_CARE)  # type: ignore[union-attr]
    assert refused.height > 50


def test_the_candlestick_is_found_beside_the_others() -> None:
    patterns = run("new_candlestick").patterns
    mine = patterns.filter(patterns["pattern"] == "new_candlestick:inside_break")

    assert set(mine["value"]) == {100, -100}
    assert patterns["pattern"].n_unique() > 8


def test_the_audit_finds_nothing_in_the_examples() -> None:
    given = {"volume_spike": "spike", "sector_filter": "no_health_care"}
    given["new_candlestick"] = "inside_break"
    functions = [function(name, attribute) for name, attribute in given.items()]
    audit = audit_components(functions, small_lake(), sessions=2, views=6)

    assert audit.findings == []
    assert [one.kind for one in audit.components] == ["scored", "entry_filters", "patterns"]
    assert [one.reads for one in audit.components] == [21, 0, 3]


# --- the page ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_the_examples_as_they_are(name: str) -> None:
    assert (EXAMPLES / f"{name}.py").read_text(encoding="utf-8") in blocks("python")
    assert (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8") in blocks("yaml")


@pytest.fixture
def own_ideas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_ideas.py").write_text(
        "def score(bars, params):\n    return bars.count * 0.0 + 50.0\n"
        "def liquid(view, rows, params):\n"
        "    return view.survey.mean_dollars[view.symbols[rows]] > 1e6\n"
        "def no_health_care(view, rows, params):\n    return rows >= 0\n",
        encoding="utf-8",
    )


@pytest.mark.usefixtures("own_ideas")
def test_the_pages_variants_load() -> None:
    own = [text for text in blocks("yaml") if "my_ideas" in text]
    Path("mine.yaml").write_text(own[0], encoding="utf-8")
    params = Params.load("mine.yaml")

    assert len(own) == 1
    assert [c.name for c in params.entry_filters] == ["my_ideas:liquid", "my_ideas:no_health_care"]


def test_the_pages_cells_run(monkeypatch: pytest.MonkeyPatch) -> None:
    # The large sample takes a minute to make; the small market stands for it.
    monkeypatch.setattr("catalyst.data.sample_lake.sample", small_lake)
    shown = {(EXAMPLES / f"{name}.py").read_text(encoding="utf-8") for name in NAMES}
    space: dict[str, Any] = {"__name__": "__main__"}
    for text in blocks("python"):
        if text not in shown:
            exec(compile(text, "docs/own-ideas.md", "exec"), space)  # noqa: S102 - our own page
    params = Params.load("spec").replace(scored=[(space["recipes"], 0.5)], **LOOSE)
    run_ = replay(small_lake(), params, start=small_lake().days("5m")[-1])

    assert space["result"].funnel.table.height > 3
    assert {scores[0] for scores in run_.signals["scores"]} == {50.0}


def test_the_page_names_every_kind_with_its_arguments() -> None:
    from catalyst.strategy.components import SIGNATURES

    for kind in COMPONENTS:
        assert f"| `{kind}` | `f({', '.join(SIGNATURES[kind])})` |" in DOC


@pytest.mark.usefixtures("own_ideas")
def test_the_pages_backtests_are_commands_that_load() -> None:
    lines = re.findall(r"^ {4}catalyst backtest (.*)$", DOC, re.MULTILINE)
    loaded = []
    for line in lines:
        words = shlex.split(line)
        named = dict(zip(words[::2], words[1::2], strict=True))
        variant = REPOSITORY / named["--variant"] if "--variant" in named else "spec"
        loaded.append(Params.load(variant, settings=[named[k] for k in ("--set",) if k in named]))

    assert len(loaded) == 4
    assert len({params.hash for params in loaded}) == 4


def test_the_page_and_the_examples_are_valid() -> None:
    assert [ast.parse(text) and text for text in blocks("python")] == blocks("python")
    assert all(isinstance(yaml.safe_load(text), dict) for text in blocks("yaml"))
