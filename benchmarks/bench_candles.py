"""Time the 13 candlestick patterns against TA-Lib's 13 calls on the same panel, one thread."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter_ns

import numpy as np
import numpy.typing as npt
import talib

from catalyst.strategy.candles import PATTERNS, detect, detect_last_nb

Bars = tuple[npt.NDArray[np.float64], ...]

# Symbols x bars of each panel: minutes of a day, a year of 15-minute bars, one long history.
PANELS = ((1_000, 390), (60, 6_600), (1, 400_000))
ROUNDS = 9


def main() -> None:
    """Print nanoseconds a bar, medians of interleaved rounds, and the ratio of the medians."""
    calls = [getattr(talib, name) for name in PATTERNS]
    print(f"{'symbols x bars':>16}  {'TA-Lib ns/bar':>13}  {'catalyst ns/bar':>15}  ratio")
    for n_symbols, n_bars in PANELS:
        panel = _panel(n_symbols, n_bars)

        def theirs(panel: list[Bars] = panel) -> None:
            for bars in panel:
                for call in calls:
                    call(*bars)

        def ours(panel: list[Bars] = panel) -> None:
            for bars in panel:
                detect(*bars)

        n = n_symbols * n_bars
        reference, kernel = (ns / n for ns in _interleaved(theirs, ours))
        shape = f"{n_symbols} x {n_bars}"
        print(f"{shape:>16}  {reference:>13.1f}  {kernel:>15.1f}  {reference / kernel:.1f}")
    print(f"last bar alone, from Python: {_last_bar_ns(_panel(1, 250)[0]):.0f} ns")


def _panel(n_symbols: int, n_bars: int) -> list[Bars]:
    rng = np.random.default_rng(0)
    panel: list[Bars] = []
    for _ in range(n_symbols):
        close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0005, n_bars))), 2)
        before = np.concatenate((close[:1], close[:-1]))
        open_ = np.round(before + rng.normal(0.0, 0.03, n_bars), 2)
        high = np.round(np.maximum(open_, close) + np.abs(rng.normal(0.0, 0.05, n_bars)), 2)
        low = np.round(np.minimum(open_, close) - np.abs(rng.normal(0.0, 0.05, n_bars)), 2)
        panel.append((open_, high, low, close))
    return panel


def _interleaved(*functions: Callable[[], None]) -> list[float]:
    for function in functions:
        function()  # compiles, loads the cache and touches the pages
    times: list[list[int]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, taken in zip(functions, times, strict=True):
            start = perf_counter_ns()
            function()
            taken.append(perf_counter_ns() - start)
    return [median(taken) for taken in times]


def _last_bar_ns(bars: Bars) -> float:
    open_, high, low, close = bars
    out = np.empty(len(PATTERNS), np.int8)
    repeats = 10_000

    def run() -> None:
        for _ in range(repeats):
            detect_last_nb(open_, high, low, close, close.size, out)

    return _interleaved(run)[0] / repeats


if __name__ == "__main__":
    main()
