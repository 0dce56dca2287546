"""What a component uses beside its arguments is found by reading it, and nothing else is."""

from __future__ import annotations

import linecache
import subprocess
import sys
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from component_samples import CLEAN, IMPURE, Any_
from worlds import small_lake

from catalyst.data.own_modules import own_module
from catalyst.research.audit.estimates import Statistics, estimated, statistics_of
from catalyst.research.audit.purity import impurities


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_component_raises_no_alarm(name: str) -> None:
    _, function = CLEAN[name]

    assert impurities(function) == []


@pytest.mark.parametrize("name", IMPURE)
def test_an_impure_component_is_named_with_what_it_does(name: str) -> None:
    _, function, what = IMPURE[name]

    assert any(what in str(one) for one in impurities(function)), impurities(function)


def _module(folder: Path, name: str, text: str) -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    module = own_module(name, [folder])

    assert module is not None

    return module


_SCORE = "\ndef score(rvol, params):\n    return HELD\n"


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("HELD = 1.0 / 3.0 + math.pi ** 0.5", ""),
        ("HELD = np.exp(-np.arange(2_000) / 7.0)", ""),
        ("HELD = []\nfor k in range(200):\n    HELD.append(math.sin(k))", ""),
        ("HELD = {line.split()[0]: line.split()[1] for line in open(FILE)}", ""),
        ("HELD = {line.split()[0] for line in open(FILE)}", ""),
        ("HELD = float(open(FILE).readline().split()[2])", "computed from data (open"),
        ("HELD = [float(line.split()[2]) for line in open(FILE)]", "computed from data (open"),
        ("HELD = []\nfor line in open(FILE):\n    HELD.append(len(line))", "computed from data"),
        ("with open(FILE) as f:\n    HELD = len(f.read())", "computed from data"),
        ("HELD = set(Lake(LAKE).symbols('5m'))", "computed from data (Lake"),
        ("HELD = Lake(LAKE).bars('5m')['close'].mean()", "computed from data (Lake"),
        ("def fit():\n    return len(open(FILE).read())\nHELD = fit()", "computed from data (fit"),
        (
            "HELD = 0.0\ndef fit():\n    global HELD\n    x = open(FILE)\n    HELD = len(x)",
            "computed from data",
        ),
        (
            "HELD = {}\ndef fit():\n    for x in open(FILE):\n        HELD[x] = len(x)\nfit()",
            "computed from data (open",
        ),
        ("def half(x):\n    return x / 2.0\nHELD = half(3.0)", ""),
    ],
)
def test_a_global_is_judged_by_the_expression_that_made_it(
    tmp_path: Path, made: str, told: str
) -> None:
    table = tmp_path / "table.txt"
    table.write_text("ZQA tech 1.5\nZQB bank 2.5\n", encoding="utf-8")
    head = "import math\nimport numpy as np\nfrom catalyst import Lake\n"
    head += f"FILE = {str(table)!r}\nLAKE = {str(small_lake().root)!r}\n"

    module = _module(tmp_path, f"made_{abs(zlib.crc32(made.encode()))}", head + made + _SCORE)
    found = [str(one) for one in impurities(module.score)]

    assert told in found[0] if told else found == [], found


def test_a_number_of_another_module_of_the_users_is_judged_where_it_was_made(
    tmp_path: Path,
) -> None:
    (tmp_path / "own_table.py").write_text(
        "T = [float(len(line)) for line in open(__file__)]\nN = 3.0 / 7.0\n", encoding="utf-8"
    )
    text = (
        "import own_table\nfrom own_table import T, N\n"
        "def direct(rvol, params):\n    return rvol * T[0]\n"
        "def dotted(rvol, params):\n    return rvol * own_table.T[0]\n"
        "def clean(rvol, params):\n    return rvol * N * own_table.N\n"
    )

    module = _module(tmp_path, "uses_table", text)

    assert [
        [one.name for one in impurities(function)]
        for function in (module.direct, module.dotted, module.clean)
    ] == [["T"], ["own_table.T"], []]


def test_a_cell_of_a_notebook_is_judged_by_the_cell_that_made_its_number() -> None:
    cells = [
        "FITTED = float(closes.mean())",
        "TYPED = 2.0 / 3.0",
        "def one(rvol, params):\n    return rvol * FITTED\n",
        "def two(rvol, params):\n    return rvol * TYPED\n",
    ]
    names: dict[str, Any_] = {"__name__": "__main__", "closes": np.arange(3.0), "In": cells}
    for cell in cells:
        file = f"<cell {zlib.crc32(cell.encode())}>"
        linecache.cache[file] = (len(cell), None, cell.splitlines(keepends=True), file)
        exec(compile(cell, file, "exec"), names)  # noqa: S102 - a cell

    assert [[one.name for one in impurities(names[name])] for name in ("one", "two")] == [
        ["FITTED"],
        [],
    ]


def test_a_module_reached_by_a_name_made_at_run_time_is_named() -> None:
    def dynamic(rvol: Any_, params: Any_) -> Any_:
        return getattr(np, "ran" + str(params))(len(rvol))

    assert "by a name that can't be read" in str(impurities(dynamic)[0])


def _above(level: float) -> Any_:
    def above(view: Any_, rows: Any_, params: Any_) -> Any_:
        return np.array([view.survey.price[view.symbols[row]] > level for row in rows], np.bool_)

    return above


@cache
def _statistics() -> Statistics:
    return statistics_of(small_lake(), "5m")


def _bars() -> pl.DataFrame:
    return small_lake().bars("5m").sort("symbol", "ts")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: float(_bars()["close"].to_numpy().mean()), "the mean of close of all symbols"),
        (lambda: np.median(_bars()["volume"].to_numpy()[1:]) + 1e-3, ""),
        (
            lambda: float(_bars().filter(symbol="ZQAA")["high"].to_numpy().std(ddof=1)),
            "the deviation of high of ZQAA",
        ),
        (lambda: 1.0 / 3.0, ""),
        (lambda: 50.0, ""),
    ],
)
def test_a_captured_number_that_is_a_statistic_of_the_whole_lake_is_named(
    made: Callable[[], float], told: str
) -> None:
    found = [str(one) for one in estimated(_above(float(made())), _statistics)]

    assert told in found[0] if told else found == [], found


def _of_the_lake() -> float:
    return float(small_lake().bars("5m")["close"].quantile(0.83) or 0.0)


def test_a_default_that_is_computed_from_a_lake_is_named() -> None:
    def score(close: float, level: float = _of_the_lake()) -> float:
        return 60.0 if close > level else 50.0

    def plain(close: float, level: float = 2 / (9 + 1)) -> float:
        return 60.0 if close > level else 50.0

    assert [one.name for one in impurities(score)] == ["default level of score"]
    assert impurities(plain) == []


def test_a_constant_that_two_modules_import_from_a_third_is_no_endless_question(
    tmp_path: Path,
) -> None:
    text = (
        "from catalyst.strategy.clock import MINUTE_NS\n"
        "def early(view, rows, params):\n    return view.asof_ns < MINUTE_NS\n"
    )
    for name in ("early_one", "early_two"):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    # In a process of its own: whichever module of the tests is asked first would end the circle.
    asked = (
        "import early_one, early_two\n"
        "from catalyst.research.audit.purity import impurities\n"
        "print(impurities(early_one.early), impurities(early_two.early))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stdout == "[] []\n"
