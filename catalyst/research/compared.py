"""Variants that were compared: what each came to, and what the set of them shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from catalyst.data.report.values import Interval
from catalyst.errors import InputError
from catalyst.research.edge_leg import SUPPORTED
from catalyst.research.outcome import Outcome, outcome_of
from catalyst.research.result import Result
from catalyst.strategy.params import Params

if TYPE_CHECKING:
    from catalyst.research.edge import Edge
    from catalyst.research.edge_comparison import EdgeComparison

_IC = "information_coefficient"
FIGURES = (
    "net_return",
    "sharpe",
    "max_drawdown",
    "hit_rate",
    "expectancy",
    "turnover",
    "exposure",
    _IC,
    "slippage_share",
    "n_trades",
)
"""What stands beside each other, by the names of ``summary.json`` where it is there."""


@dataclass(frozen=True)
class Compared:
    """Hold one variant of a comparison.

    Attributes
    ----------
    name
        The variant's, with its hash behind it where two have the same.
    params
        What was to run.
    result
        Its run; None if it failed.
    error
        Why it failed, one sentence; else empty.
    edge
        What it shows by itself, with the intervals of its figures; None if it failed.
    stands
        Whether its edge is left after correction for how many variants are compared.
    controls
        Random trades at its own instants, one outcome a seed.
    """

    name: str
    params: Params
    result: Result | None = None
    error: str = ""
    edge: Edge | None = None
    stands: bool = False
    controls: tuple[Outcome, ...] = ()

    @cached_property
    def outcome(self) -> Outcome:
        """Return its returns by session; of a run that did not fail."""
        if self.result is None:
            raise InputError(f"variant {self.name} has no outcome: {self.error}")
        return outcome_of(self.result)

    @property
    def figures(self) -> dict[str, float | None]:
        """Return its figures by name, first those of `FIGURES`; None where there are none."""
        if self.result is None:
            return {}
        found = dict(self.outcome.metrics)
        score = self.edge.score.value if self.edge is not None else None
        found[_IC] = score if score is not None and math.isfinite(score) else None
        return {name: found.get(name) for name in (*FIGURES, *sorted(found.keys() - set(FIGURES)))}

    @property
    def intervals(self) -> dict[str, Interval]:
        """Return the 95 % intervals of its figures, by name."""
        if self.edge is None:
            return {}
        score = self.edge.score
        found = {name: one for name, one in self.edge.intervals.items() if math.isfinite(one.low)}
        if math.isfinite(score.low):
            found[_IC] = Interval(score.value, score.low, score.high, score.count, score.days)
        return found

    @property
    def word(self) -> str:
        """Return what it shows, in a few words."""
        if self.edge is None:
            return "failed"
        if self.edge.word == SUPPORTED and not self.stands:
            return "not shown (supported alone, not among so many)"
        return self.edge.word

    @property
    def luck(self) -> dict[str, float]:
        """Return what random trades at the same instants came to: returns and how many it beats."""
        if not self.controls or self.result is None:
            return {}
        returns = [_number(one.metrics["net_return"]) for one in self.controls]
        own = _number(self.outcome.metrics["net_return"])
        return {
            "net_return": float(np.mean(returns)),
            "net_return_low": min(returns),
            "net_return_high": max(returns),
            "count": len(returns),
            "beaten": sum(own > one for one in returns),
        }


@dataclass(frozen=True)
class Comparison:
    """Hold variants beside each other.

    Attributes
    ----------
    variants
        In the order that was asked for.
    edges
        What the set shows, corrected for its size; None if it was not judged.
    """

    variants: tuple[Compared, ...]
    edges: EdgeComparison | None = None

    @property
    def whole(self) -> tuple[Compared, ...]:
        """Return the variants that did not fail."""
        return tuple(one for one in self.variants if one.result is not None)

    @property
    def benchmarks(self) -> dict[str, dict[str, float | None]]:
        """Return the figures of buying and holding, and of all symbols held equally."""
        first = next((one.result for one in self.whole), None)
        found: dict[str, dict[str, float | None]] = first.summary["benchmarks"] if first else {}
        return found

    @property
    def headline(self) -> str:
        """Return what people read first."""
        if self.edges is not None:
            return self.edges.headline
        return "edge: not judged"

    @property
    def table(self) -> pl.DataFrame:
        """Return one row a variant, then the benchmarks: its name, its figures, its edge."""
        rows = [{"variant": one.name, **one.figures, "edge": one.word} for one in self.whole]
        rows += [{"variant": name, **figures} for name, figures in self.benchmarks.items()]
        kinds = {"variant": pl.String, **dict.fromkeys(FIGURES, pl.Float64), "edge": pl.String}
        return pl.DataFrame([{k: row.get(k) for k in kinds} for row in rows], schema=kinds)

    @property
    def curves(self) -> pl.DataFrame:
        """Return growth of 1 by session: ``ts``, a column a variant, and both benchmarks."""
        if not self.whole:
            return pl.DataFrame({"ts": []})
        tables = [(one.name, one.result.benchmarks) for one in self.whole if one.result]
        shared = tables[0][1]
        return shared.select(
            "ts",
            *(table["strategy"].alias(name) for name, table in tables),
            *(shared[name] for name in ("buy_and_hold", "equal_weight")),
        )

    def _repr_html_(self) -> str:
        from catalyst.research.comparison_table import comparison_html

        return comparison_html(self)

    def __repr__(self) -> str:
        """Return a line for people."""
        return f"Comparison({', '.join(one.name for one in self.variants)}: {self.headline})"


def _number(value: float | None) -> float:
    return 0.0 if value is None else value
