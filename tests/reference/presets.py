"""The numbers of the strategy, as nested plain dicts: presets for kinds of data, and variants."""

from __future__ import annotations

import copy
from typing import Any

Numbers = dict[str, Any]

INTRADAY: Numbers = {
    "known": {"bar_grace_s": 2.0},
    "news": {
        "window_hours": 24.0,
        "decay_hours": 4.0,
        "tier_weights": {1: 1.0, 2: 0.8, 3: 0.6, 4: 0.4, 5: 0.2},
        "category_weights": {"fda": 1.5, "merger": 1.3, "earnings": 1.2},
        "other_category_weight": 1.0,
        "state_weights": {"pre_market": 2.0, "regular": 1.0, "after_hours": 0.8, "closed": 1.0},
        "first_weight": 1.0,
        "copy_weight": 0.25,
        "neutral_band": 0.1,
    },
    "scan": {"every_min": 5, "after_hours_every_min": 60, "choose_every_min": 30},
    "screen": {
        "history_sessions_min": 5,
        "mean_sessions": 20,
        "active": 50,
        "catalyst_active": 20,
        "candidates": 5,
        "ask_for_catalyst": True,
        "catalyst_min": 30.0,
        "price_min": 1.0,
        "price_max": 500.0,
        "mean_volume_min": 500_000.0,
        "rvol_min": 1.5,
        "rvol_sessions": 20,
        "rvol_sessions_min": 5,
        "rvol_history": True,
        "window_min": 60,
        "combined": {"catalyst": 0.5, "technical": 0.3, "volume": 0.2},
    },
    "patterns": {
        "timeframes_min": [5, 15, 60],
        "gap_frac": 0.02,
        "surge_ratio": 2.0,
        "surge_bars": 20,
        "events_alone": False,
        "aligned_boost": 1.5,
        "opposed_factor": 0.7,
        "volume_boost": 1.1,
        "trend_boost": 1.1,
        "trend_bars": 20,
        "agreement_boost": 1.1,
    },
    "technical": {"score": "spec", "window": 250, "window_min": 60},
    "signal": {
        "weights": {"catalyst": 0.35, "pattern": 0.35, "technical": 0.20, "volume": 0.10},
        "direction": "pattern",
        "full_above": 70.0,
        "half_from": 50.0,
        "quarter_from": 30.0,
        "bands": [1.0, 0.5, 0.25],
        "stop_frac": 0.02,
        "strong_catalyst": 70.0,
        "strong_factor": 0.75,
        "weak_catalyst": 40.0,
        "weak_factor": 1.5,
        "target_1_risk": 1.5,
        "target_2_risk": 3.0,
    },
    "risk": {
        "initial_equity": 100_000.0,
        "allow_short": False,
        "cap": 0.20,
        "cap_pre_market": 0.10,
        "participation": 0.01,
        "participation_bars": 20,
        "max_positions": 5,
        "max_entries": 20,
        "daily_loss_frac": 0.05,
        "no_entry_before_flatten_min": 30,
    },
    "orders": {
        "collar_bps": 50.0,
        "extended_bps": 10.0,
        "alive_bars": 3,
        "beyond_frac": 0.01,
        "trailing_frac": 0.01,
        "reversal_score": 30.0,
        "time_stop_hours": 2.0,
        "time_stop_bars": 2,
        "flatten_at_close": True,
        "flatten_before_close_min": 5,
    },
    "fills": {"slippage_bps": 2.0, "impact_bps": 10.0, "share_of_volume": 0.10},
}


def replaced(numbers: Numbers, changes: dict[str, Any]) -> Numbers:
    """Return a copy of `numbers` with dotted names replaced.

    Parameters
    ----------
    numbers : dict
        Nested numbers, left as they are.
    changes : dict
        From a dotted name such as `screen.rvol_min` to its new value.

    Returns
    -------
    dict
        The copy.

    Raises
    ------
    KeyError
        If a dotted name is not there: a misspelt number must not be ignored.
    """
    copied = copy.deepcopy(numbers)
    for dotted, value in changes.items():
        *folders, last = dotted.split(".")
        place = copied
        for folder in folders:
            place = place[folder]
        if last not in place:
            raise KeyError(dotted)
        place[last] = value
    return copied


DAILY: Numbers = replaced(
    INTRADAY,
    {
        "news.decay_hours": 24.0,
        "screen.rvol_min": 1.2,
        "orders.collar_bps": 100.0,
        "orders.alive_bars": 1,
    },
)

THIN: Numbers = replaced(
    INTRADAY,
    {
        "screen.price_max": 10_000.0,
        "screen.mean_volume_min": 20_000.0,
        "screen.rvol_min": 1.2,
        "risk.participation": 0.10,
    },
)

VARIANTS: dict[str, dict[str, Any]] = {
    "spec": {},
    "momentum_chase": {"technical.score": "momentum_chase"},
    "pullback": {"technical.score": "pullback"},
    "news_only": {
        "signal.weights": {"catalyst": 1.0, "pattern": 0.0, "technical": 0.0, "volume": 0.0},
        "signal.direction": "catalyst",
    },
    "pattern_only": {
        "signal.weights": {"catalyst": 0.0, "pattern": 1.0, "technical": 0.0, "volume": 0.0},
        "screen.ask_for_catalyst": False,
    },
}
