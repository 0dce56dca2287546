"""A limit that is reached says so, once a session."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from catalyst.live.events import Alert
from catalyst.strategy.decisions import Decision
from catalyst.strategy.reasons import Outcome, Reason

LIMITS = frozenset({Reason.POSITIONS_MAX, Reason.ENTRIES_A_DAY, Reason.DAILY_LOSS})


def limit_alerts(decision: Decision, day: str, *, told: AbstractSet[str]) -> list[Alert]:
    """Return an alert for each limit that refused a signal and is not among those ``told``."""
    out: dict[str, Alert] = {}
    for signal in decision.signals:
        rule = signal.rule
        if signal.outcome is Outcome.REFUSED and rule in LIMITS and rule.label not in told:
            text = (
                f"an entry was refused, as it {rule.text}; {signal.value:g}, {signal.threshold:g}"
            )
            out.setdefault(
                rule.label,
                Alert(
                    f"limit_{rule.label}",
                    day,
                    "warning",
                    text,
                    float(signal.value),
                    float(signal.threshold),
                ),
            )
    return list(out.values())
