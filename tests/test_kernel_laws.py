"""The kernel law: a value depends on its window, and on nothing before, after or beside it.

`KERNELS` lists every function of ``catalyst.strategy`` that ends in ``_at_nb``, and the batch paths
that stand in for them. A kernel that is missing here fails the first test.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalyst.strategy
from catalyst.strategy import candle_rules, indicators
from catalyst.strategy.candles import PATTERN_TABLE, detect, detect_last_nb

Floats = npt.NDArray[np.float64]
# open, high, low, close, volume: float64[5, n] of one symbol, or float64[k, 5, n] of k symbols.
Bars = Floats

PACKAGE = Path(catalyst.strategy.__file__).parent
N_BARS = 90


@dataclass(frozen=True)
class Kernel:
    """Say how to call a kernel for the value at bar t, and how many bars up to t it may read."""

    call: Callable[[Bars, int], object]
    window: int


def over_rows(kernel: Kernel) -> Callable[[Bars, int], list[object]]:
    """Make the panel function of a scalar kernel: a loop over the symbols."""
    return lambda panel, t: [kernel.call(bars, t) for bars in panel]


def _candle(name: str, lookback: int) -> Kernel:
    kernel = getattr(candle_rules, name)
    return Kernel(lambda b, t: kernel(b[0], b[1], b[2], b[3], t), lookback + 1)


def _detect_last(b: Bars, t: int) -> bytes:
    out = np.empty(len(PATTERN_TABLE), np.int8)
    detect_last_nb(b[0], b[1], b[2], b[3], t + 1, out)
    return out.tobytes()


# The specification's periods and points, with a window short enough to leave bars outside it.
_SCORE = (70, 60, 50.0, 14, 30.0, 70.0, 20.0, 12, 26, 9, 15.0, 20, 50, 15.0, 9, 10.0)

CANDLE_KERNELS = (
    "doji_at_nb",
    "hammer_at_nb",
    "hanging_man_at_nb",
    "inverted_hammer_at_nb",
    "shooting_star_at_nb",
    "engulfing_at_nb",
    "harami_at_nb",
    "piercing_at_nb",
    "dark_cloud_cover_at_nb",
    "morning_star_at_nb",
    "evening_star_at_nb",
    "three_white_soldiers_at_nb",
    "three_black_crows_at_nb",
)
KERNELS: dict[str, Kernel] = {
    **{
        name: _candle(name, info.lookback)
        for name, info in zip(CANDLE_KERNELS, PATTERN_TABLE, strict=True)
    },
    "candle_at_nb": _candle("candle_at_nb", 10),
    "facts_at_nb": _candle("facts_at_nb", 10),
    "sma_at_nb": Kernel(lambda b, t: indicators.sma_at_nb(b[3], t, 20), 20),
    "ema_at_nb": Kernel(lambda b, t: indicators.ema_at_nb(b[3], t, 9, 40), 40),
    "macd_hist_at_nb": Kernel(lambda b, t: indicators.macd_hist_at_nb(b[3], t, 12, 26, 9, 50), 50),
    "rsi_at_nb": Kernel(lambda b, t: indicators.rsi_at_nb(b[3], t, 14, 40), 40),
    "atr_at_nb": Kernel(lambda b, t: indicators.atr_at_nb(b[1], b[2], b[3], t, 14, 40), 40),
    "bollinger_at_nb": Kernel(lambda b, t: indicators.bollinger_at_nb(b[3], t, 20, 2.0), 20),
    "vwap_at_nb": Kernel(
        lambda b, t: indicators.vwap_at_nb(b[1], b[2], b[3], b[4], t, max(0, t - 29)), 30
    ),
    "technical_score_nb": Kernel(
        lambda b, t: indicators.technical_score_nb(b[3], t + 1, *_SCORE), 70
    ),
    "detect": Kernel(lambda b, t: detect(*b[:4])[:, t].tobytes(), 14),
    "detect_last_nb": Kernel(_detect_last, 14),
}
# Functions over many symbols at once, for the law of subsets; scalar kernels are looped over.
PANELS: dict[str, Callable[[Bars, int], list[object]]] = {
    **{name: over_rows(kernel) for name, kernel in KERNELS.items()},
    "technical_scores_nb": lambda panel, t: list(
        indicators.technical_scores_nb(
            panel[:, 3].copy(), np.full(len(panel), t + 1, np.int32), *_SCORE
        )
    ),
}


def bits(value: object) -> bytes:
    """Return a value's bits; all NaNs are one, because a payload means nothing here."""
    if isinstance(value, bytes):
        return value
    array = np.atleast_1d(np.asarray(value, dtype=np.float64))
    return np.where(np.isnan(array), np.nan, array).tobytes()


def shift_breach(kernel: Kernel, bars: Bars, t: int) -> str:
    """Return how dropping bars before the window changes the value, or nothing."""
    whole = bits(kernel.call(bars, t))
    for dropped in range(1, t - kernel.window + 2):
        if bits(kernel.call(bars[:, dropped:].copy(), t - dropped)) != whole:
            return f"bar {t} changes when the first {dropped} bars are dropped"
    return ""


def causality_breach(kernel: Kernel, bars: Bars, t: int) -> str:
    """Return how changing or dropping bars after t changes the value, or nothing."""
    value = bits(kernel.call(bars, t))
    futures = {"dropped": bars[:, : t + 1].copy()}
    for name, later in {"doubled": bars * 2.0, "reversed": bars[:, ::-1], "broken": None}.items():
        futures[name] = bars.copy()
        futures[name][:, t + 1 :] = np.nan if later is None else later[:, t + 1 :]
    for name, future in futures.items():
        if bits(kernel.call(future, t)) != value:
            return f"bar {t} changes when later bars are {name}"
    return ""


def subset_breach(function: Callable[[Bars, int], list[object]], panel: Bars, t: int) -> str:
    """Return how removing other symbols changes a symbol's value, or nothing."""
    together = [bits(value) for value in function(panel, t)]
    for symbols in (
        [0],
        [len(panel) - 1],
        list(range(1, len(panel))),
        list(range(0, len(panel), 2)),
    ):
        apart = [bits(value) for value in function(panel[symbols].copy(), t)]
        if apart != [together[symbol] for symbol in symbols]:
            return f"bar {t} changes when only symbols {symbols} are left"
    return ""


def random_panel(seed: int, broken: int) -> Bars:
    """Make five symbols' bars with runs and gaps, a few fields of them NaN or infinite."""
    rng = np.random.default_rng(seed)
    shape = (5, N_BARS)
    run = np.repeat(rng.choice([-0.02, 0.0, 0.02], (5, N_BARS // 4 + 1)), 4, axis=1)[:, :N_BARS]
    gap = rng.normal(0.0, 0.01, shape) * (rng.random(shape) < 0.5) - 0.3 * run
    close = 40.0 * np.exp(np.cumsum(run + gap + rng.normal(0.0, 0.01, shape), axis=1))
    open_ = np.concatenate((close[:, :1], close[:, :-1]), axis=1) * np.exp(gap)
    shadow = np.where(rng.random((2, *shape)) < 0.5, 0.001, 0.02) * rng.random((2, *shape))
    panel = np.empty((5, 5, N_BARS))
    panel[:, 0], panel[:, 3] = open_, close
    panel[:, 1] = np.maximum(open_, close) * np.exp(shadow[0])
    panel[:, 2] = np.minimum(open_, close) * np.exp(-shadow[1])
    panel[:, 4] = np.floor(1_000.0 * rng.random(shape))
    for _ in range(broken):
        place = rng.integers(0, 5), rng.integers(0, 5), rng.integers(0, N_BARS)
        panel[place] = rng.choice([np.nan, np.inf, -np.inf])
    return panel


def kernels_in(folder: Path) -> Iterator[str]:
    """Yield the name of every function in a folder's modules that ends in ``_at_nb``."""
    for path in sorted(folder.glob("**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_at_nb"):
                yield node.name


def test_every_kernel_of_the_strategy_is_under_the_law() -> None:
    missing = set(kernels_in(PACKAGE)) - set(KERNELS)

    assert missing == set()


def test_a_new_kernel_can_not_escape(tmp_path: Path) -> None:
    (tmp_path / "momentum.py").write_text("def rate_of_change_at_nb(x, t):\n    return x[t]\n")

    assert set(kernels_in(tmp_path)) - set(KERNELS) == {"rate_of_change_at_nb"}


panels = st.builds(random_panel, st.integers(0, 2**32 - 1), st.sampled_from([0, 0, 3]))


@pytest.mark.parametrize("name", KERNELS)
@given(panel=panels, t=st.integers(0, N_BARS - 1))
@settings(max_examples=25, deadline=None)
def test_dropping_earlier_bars_changes_no_bit(name: str, panel: Bars, t: int) -> None:
    assert not shift_breach(KERNELS[name], panel[0], t)


@pytest.mark.parametrize("name", KERNELS)
@given(panel=panels, t=st.integers(0, N_BARS - 1))
@settings(max_examples=25, deadline=None)
def test_altering_later_bars_changes_no_bit(name: str, panel: Bars, t: int) -> None:
    assert not causality_breach(KERNELS[name], panel[0], t)


@pytest.mark.parametrize("name", PANELS)
@given(panel=panels, t=st.integers(0, N_BARS - 1))
@settings(max_examples=15, deadline=None)
def test_removing_other_symbols_changes_no_bit(name: str, panel: Bars, t: int) -> None:
    assert not subset_breach(PANELS[name], panel, t)


@pytest.mark.parametrize("name", KERNELS)
def test_the_laws_hold_where_a_value_is_rare(name: str) -> None:
    kernel = KERNELS[name]
    usual = bits(kernel.call(random_panel(0, 0)[0], 20))
    found = 0
    for seed in range(60):
        for bars in random_panel(seed, 0):
            for t in range(20, N_BARS):
                if found < 5 and bits(kernel.call(bars, t)) != usual:
                    found += 1

                    assert not shift_breach(kernel, bars, t)
                    assert not causality_breach(kernel, bars, t)

    assert found == 5


# Kernels as they must not be, to show that each law can fail.


def _running_mean(bars: Bars, t: int) -> float:
    total = 0.0
    for i in range(t + 1):
        total += bars[3, i]
        if i >= 20:
            total -= bars[3, i - 20]
    return float(total / 20.0) if t >= 19 else np.nan


def _endless_average(bars: Bars, t: int) -> float:
    value = float(bars[3, 0])
    for i in range(1, t + 1):
        value += 0.2 * (float(bars[3, i]) - value)
    return value


def _centred_mean(bars: Bars, t: int) -> float:
    return float(bars[3, max(0, t - 2) : t + 3].mean())


def _above_the_others(panel: Bars, t: int) -> list[object]:
    return list(panel[:, 3, t] - panel[:, 3, t].mean())


@pytest.mark.parametrize("planted", [_running_mean, _endless_average])
def test_a_value_that_remembers_where_it_started_is_caught(
    planted: Callable[[Bars, int], float],
) -> None:
    assert "first 1 bars are dropped" in shift_breach(
        Kernel(planted, 20), random_panel(0, 0)[0], N_BARS - 1
    )


def test_a_window_that_reaches_beyond_its_length_is_caught() -> None:
    kernel = Kernel(KERNELS["sma_at_nb"].call, 19)

    assert "dropped" in shift_breach(kernel, random_panel(0, 0)[0], 50)


def test_a_centred_window_is_caught() -> None:
    assert "later bars" in causality_breach(Kernel(_centred_mean, 3), random_panel(0, 0)[0], 50)


def test_a_value_relative_to_other_symbols_is_caught() -> None:
    assert "only symbols" in subset_breach(_above_the_others, random_panel(0, 0), 50)
