"""Curves of growth as an image: an SVG of a few kilobytes that any viewer shows."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from html import escape

from catalyst.strategy.values import Floats

_WIDTH, _HEIGHT = 960, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 236, 44, 34
_FONT = 'font-family="system-ui, sans-serif" font-size="13"'
_MOST_POINTS = 800
_TICKS = 6
# Okabe and Ito (2008): told apart by the colour-blind, too.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#000000")
_QUIET = "#777777"
_DASHES = ("6 4", "2 3")


def curve_image(
    title: str,
    days: Sequence[dt.date],
    curves: Sequence[tuple[str, Floats]],
    benchmarks: Sequence[tuple[str, Floats]] = (),
) -> str:
    """Draw growth of 1 by session as an SVG; the same arguments give the same text.

    Parameters
    ----------
    title
        Above the curves.
    days
        One a session.
    curves, benchmarks
        Labels with float64[sessions]; benchmarks are grey and dashed.
    """
    lines = [
        (label, growth, _COLOURS[k % len(_COLOURS)], "") for k, (label, growth) in enumerate(curves)
    ]
    lines += [
        (label, growth, _QUIET, _DASHES[k % len(_DASHES)])
        for k, (label, growth) in enumerate(benchmarks)
    ]
    values = [float(v) - 1.0 for _, growth, _, _ in lines for v in growth] or [0.0]
    low, high, step = _axis(min(0.0, *values), max(0.0, *values))
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def x(k: int) -> float:
        return _LEFT + (right - _LEFT) * k / max(len(days) - 1, 1)

    def y(value: float) -> float:
        return bottom - (bottom - _TOP) * (value - low) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_FONT}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="16" fill="#222222">{escape(title)}</text>',
    ]
    for k in range(round((high - low) / step) + 1):
        value = low + k * step
        shade = "#999999" if abs(value) < step / 2 else "#e4e4e4"
        parts.append(
            f'<line x1="{_LEFT}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="{shade}"/><text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end" '
            f'fill="#555555">{_percent(value, step)}</text>'
        )
    for k in sorted({0, (len(days) - 1) // 2, len(days) - 1}) if days else ():
        anchor = "start" if k == 0 else "end" if k == len(days) - 1 else "middle"
        parts.append(
            f'<text x="{x(k):.1f}" y="{_HEIGHT - 12}" text-anchor="{anchor}" fill="#555555">'
            f"{days[k]}</text>"
        )
    for place, (label, growth, colour, dashes) in enumerate(lines):
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        points = " ".join(
            f"{x(k):.1f},{y(float(growth[k]) - 1.0):.1f}" for k in _chosen(len(growth))
        )
        at = _TOP + 10 + 22 * place
        last = f"{float(growth[-1]) - 1.0:+.1%}" if len(growth) else ""
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
            f'<line x1="{right + 16}" x2="{right + 40}" y1="{at - 4}" y2="{at - 4}" '
            f'stroke="{colour}" stroke-width="3"{dash}/>'
            f'<text x="{right + 46}" y="{at}" fill="#222222">{escape(label)} {last}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _axis(low: float, high: float) -> tuple[float, float, float]:
    """Return round ends around values, and the step of the lines between them."""
    wide = max(high - low, 1e-6) / _TICKS
    power = 10.0 ** math.floor(math.log10(wide))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= wide)
    return math.floor(low / step) * step, max(math.ceil(high / step), 1) * step, step


def _percent(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step * 100)))
    # Without the minus that rounding leaves before a zero.
    return f"{value + 0.0 if abs(value) > step / 2 else 0.0:+.{digits}%}"


def _chosen(count: int) -> list[int]:
    stride = max(-(-count // _MOST_POINTS), 1)
    return sorted({*range(0, count, stride), *([count - 1] if count else [])})
