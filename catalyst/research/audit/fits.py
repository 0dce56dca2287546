"""Parameters fitted on a lake: whether those of a day are the same without its future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalyst.research.audit.differences import Difference
from catalyst.research.audit.original import Original
from catalyst.research.audit.plugs import Plugs
from catalyst.research.audit.remade import Perturbation, RemadeLake
from catalyst.research.audit.violations import Findings
from catalyst.strategy.params import Params
from catalyst.strategy.values import Session


@dataclass(frozen=True)
class Fitted:
    """Hold what a fit gave on the whole lake.

    Attributes
    ----------
    plugs
        With the fit.
    params
        What it gave.
    original
        The lake.
    findings
        Where differences go.
    """

    plugs: Plugs
    params: Params
    original: Original
    findings: Findings

    def compared(
        self, perturbation: Perturbation, at_ns: int, sessions: Sequence[Session]
    ) -> Params:
        """Fit anew with what was known at an instant; what holds on its day must be the same.

        Returns
        -------
        Params
            The whole lake's where they agree on that day, else the other ones.
        """
        late_bars = self.plugs.plant(self.original)
        lake = RemadeLake(self.original, perturbation, at_ns, late_bars=late_bars)
        try:
            found = self.plugs.fitted(lake)
        except Exception as error:  # noqa: BLE001 - code of a user may raise anything
            reason = str(error).partition("\n")[0]
            what = f"the fit failed on what was known before the first decision ({reason})"
            self.findings.say(at_ns, perturbation, "fit", what)
            return self.params
        finally:
            lake.expire()
        day = max(one.day for one in sessions if one.pre_ns <= at_ns)
        was, became = self.params.on(day), found.on(day)
        if became.hash == was.hash:
            return self.params
        self.findings.add(at_ns, perturbation, "fit", _unlike(was, became))
        return found


def changes(
    params: Params, sessions: Sequence[Session], scans: Sequence[Sequence[int]]
) -> list[int]:
    """Return the first decision of each session on which other parameters take effect.

    Parameters
    ----------
    params
        A schedule, or not.
    sessions, scans
        Those of the run, and the decision times of each.
    """
    out = []
    for before, session, own in zip(sessions, sessions[1:], scans[1:], strict=False):
        if any(before.day < day <= session.day for day, _ in params.by_date):
            out.append(own[0])
    return out


def _unlike(was: Params, became: Params) -> Difference:
    a, b = _leaves(was.as_mapping()), _leaves(became.as_mapping())
    name = next((key for key in [*a, *b] if a.get(key) != b.get(key)), "what a component holds")
    what = f"fitted with knowledge of the future: {name}"
    return Difference("", what, str(a.get(name, "")), str(b.get(name, "")))


def _leaves(tree: Any, name: str = "") -> dict[str, Any]:  # noqa: ANN401 - a tree of YAML
    if not isinstance(tree, dict):
        return {name: tree}
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _leaves(value, f"{name}.{key}" if name else str(key))
    return found
