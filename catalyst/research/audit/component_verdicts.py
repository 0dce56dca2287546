"""What an audit found of components: values that show themselves as text, HTML and JSON."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalyst.research.audit.laws import LAWS, Finding
from catalyst.research.audit.lookahead import LookaheadAudit


@dataclass(frozen=True)
class ComponentAudit:
    """Hold what was found of one component.

    Attributes
    ----------
    name, kind
        Such as ``my_ideas:score`` and ``technical_score``.
    findings, notes
        What breaks a law, and what is worth knowing.
    reads, given
        Bars it reads, the last included, and the most it was given; equal: all that there are.
    compiled
        Whether it is an njit kernel itself.
    cost_us
        Median microseconds a call; NaN if no clock was given.
    step_frac
        Its calls in a busy step as a fraction of the built-in strategy's time for that step.
    calls
        Calls of real arguments that it was tried with.
    """

    name: str
    kind: str
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    reads: int
    given: int
    compiled: bool
    cost_us: float
    step_frac: float
    calls: int

    @property
    def ok(self) -> bool:
        """Tell whether nothing was found."""
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """Return the audit as values for JSON."""
        return {
            "component": self.name,
            "kind": self.kind,
            "ok": self.ok,
            "findings": [{"law": one.law, "what": one.what} for one in self.findings],
            "notes": [{"law": one.law, "what": one.what} for one in self.notes],
            "reads_bars": self.reads,
            "given_bars": self.given,
            "compiled": self.compiled,
            "cost_us": None if np.isnan(self.cost_us) else round(self.cost_us, 2),
            "step_frac": None if np.isnan(self.step_frac) else round(self.step_frac, 4),
            "calls": self.calls,
        }

    def rows(self) -> list[tuple[str, str]]:
        """List law and verdict, for a table."""
        out = []
        for law in LAWS:
            told = [one.what for one in self.findings if one.law == law]
            told += [f"note: {one.what}" for one in self.notes if one.law == law]
            out.append((law, "\n".join(told) or "ok"))
        if self.given:
            every = ", every bar it is given" if self.reads == self.given else ""
            out.append(("reads", f"{self.reads} of {self.given} bars{every}"))
        if not np.isnan(self.cost_us):
            share = "" if np.isnan(self.step_frac) else f", {self.step_frac:.1%} of a busy step"
            compiled = "njit" if self.compiled else "plain Python"
            out.append(("cost", f"{self.cost_us:,.1f} us a call ({compiled}){share}"))
        return out


@dataclass(frozen=True)
class ComponentsAudit:
    """Hold the audit of some components.

    Attributes
    ----------
    components
        One audit each.
    coverage
        What they were tried on, and what an audit can't see.
    lookahead
        The look-ahead audit of a short run with them; None if there was none.
    """

    components: tuple[ComponentAudit, ...]
    coverage: str
    lookahead: LookaheadAudit | None = None

    @property
    def ok(self) -> bool:
        """Tell whether nothing was found."""
        return all(one.ok for one in self.components) and not self.leaks

    @property
    def findings(self) -> list[tuple[str, Finding]]:
        """List (component, finding)."""
        return [(one.name, found) for one in self.components for found in one.findings]

    @property
    def leaks(self) -> list[str]:
        """List what the look-ahead audit found beside what reading the code has."""
        if self.lookahead is None:
            return []
        return [
            str(one)
            for one in self.lookahead.violations
            if "code" not in (one.layer, one.perturbation)
        ]

    @property
    def lookahead_text(self) -> str:
        """Say how the look-ahead audit ended; nothing if there was none."""
        if self.lookahead is None:
            return ""
        found = f"{len(self.leaks)} found" if self.leaks else "ok"
        return (
            f"look-ahead: {found}, at {self.lookahead.instants} of "
            f"{self.lookahead.decision_times} decision times of the last session; all of a run: "
            "catalyst audit lookahead"
        )

    def __repr__(self) -> str:
        """Return a line a component, and one a finding."""
        lines = []
        for one in self.components:
            lines.append(f"{one.name} ({one.kind}): {'ok' if one.ok else 'FOUND'}")
            lines += [f"  {name}: {told}" for name, told in one.rows()]
        told = [self.lookahead_text, *self.leaks] if self.lookahead else []
        return "\n".join([*lines, *told, self.coverage])

    def _repr_html_(self) -> str:
        parts = []
        for one in self.components:
            verdict = "ok" if one.ok else f"{len(one.findings)} found"
            rows = "".join(
                f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
                f"<td style='text-align:left;white-space:pre-line'>{html.escape(told)}</td></tr>"
                for name, told in one.rows()
            )
            title = f"{html.escape(one.name)} ({one.kind}): {verdict}"
            parts.append(f"<p><b>{title}</b></p><table>{rows}</table>")
        told = [self.lookahead_text, *self.leaks, self.coverage]
        return "".join([*parts, *(f"<p>{html.escape(one)}</p>" for one in told if one)])
