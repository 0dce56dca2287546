"""Prices as whole ticks, where nothing is lost by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Name of the scale in the metadata of a Parquet file; a file without it holds float64 US dollars.
PRICE_SCALE = "price_scale"
PRICES = ("open", "high", "low", "close")

# Cents first: the smallest scale that fits gives the smallest ticks, and so the smallest file.
_SCALES = (100, 1_000, 10_000, 100_000, 1_000_000)
_LARGEST_TICK = 2**31 - 1
_PROBE = 64


def to_ticks(
    prices: Sequence[NDArray[np.float64]],
) -> tuple[list[NDArray[np.int32]], int] | None:
    """Encode price columns as int32 ticks if every price survives to the last bit.

    Parameters
    ----------
    prices : sequence of float64[n]
        US dollars, finite.

    Returns
    -------
    (list of int32[n], int) or None
        Ticks and the one scale of all columns, the smallest of 100 to 1,000,000 for which
        ``ticks / scale == price`` holds exactly everywhere; None if there is none (a price off any
        grid, or too high for an int32 on it).
    """
    for scale in _SCALES:
        if all(_encode(column[:_PROBE], scale) is not None for column in prices):
            encoded = [_encode(column, scale) for column in prices]
            whole = [column for column in encoded if column is not None]
            if len(whole) == len(encoded):
                return whole, scale
    return None


def from_ticks(ticks: NDArray[np.int32], *, scale: int) -> NDArray[np.float64]:
    """Decode ticks to US dollars by one correctly rounded division."""
    return np.true_divide(ticks, np.float64(scale), dtype=np.float64)


def _encode(prices: NDArray[np.float64], scale: int) -> NDArray[np.int32] | None:
    scaled = np.rint(prices * scale)
    if len(scaled) and not np.abs(scaled).max() <= _LARGEST_TICK:
        return None
    ticks = scaled.astype(np.int32)
    return ticks if np.array_equal(from_ticks(ticks, scale=scale), prices) else None
