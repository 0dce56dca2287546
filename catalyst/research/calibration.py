"""How often the whole search claims an edge: where there is none, and where one is planted."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from catalyst.data.version import code_version
from catalyst.errors import InputError, OutputError
from catalyst.research.tasks import run_tasks
from catalyst.research.world_search import World, search_world

LEVEL = 0.05
"""Of the whole search in one world: two legs of 2.5 %, each corrected for all that was tried."""
FINDING = 0.01
"""A search that claims so surely more often than its level is a finding."""
PARTS = ".parts"
_DIGITS = 12
_CONFIDENCE = 0.95
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Rate:
    """Hold how often an edge was claimed.

    Attributes
    ----------
    worlds, claimed
        How many, and in how many of them any leg of anything tried was supported.
    claimed_money, claimed_score
        The same of each leg.
    low, high
        95 % interval of the share claimed, Clopper and Pearson (1934).
    """

    worlds: int
    claimed: int
    claimed_money: int
    claimed_score: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Return the share of worlds with a claim; NaN without worlds."""
        return self.claimed / self.worlds if self.worlds else float("nan")


@dataclass(frozen=True)
class Calibration:
    """Hold what a search found in many worlds.

    Attributes
    ----------
    worlds : DataFrame
        One row a world: identity, kind, seed, edge_scale, trials, claimed, claimed_money,
        claimed_score, contradicted.
    edges : DataFrame
        One row a world and trial: identity, name, money, money_value (bps a session), money_p,
        money_alone (before correction), score, score_value (rank correlation), score_p,
        score_alone, days.
    """

    worlds: pl.DataFrame
    edges: pl.DataFrame

    def rate(self, **where: object) -> Rate:
        """Return how often an edge was claimed in the worlds whose columns have these values."""
        rows = self.worlds.filter(*(pl.col(name) == value for name, value in where.items()))
        claimed = int(rows["claimed"].sum())
        low, high = share_interval(claimed, rows.height)
        return Rate(
            rows.height,
            claimed,
            int(rows["claimed_money"].sum()),
            int(rows["claimed_score"].sum()),
            low,
            high,
        )

    @property
    def null(self) -> Rate:
        """Return how often an edge was claimed where there is none."""
        return self.rate(edge_scale=0.0)

    @property
    def p_value(self) -> float:
        """Return how likely so many wrong claims are at `LEVEL`: one-sided, binomial."""
        from scipy.stats import binom

        found = self.null
        return float(binom.sf(found.claimed - 1, found.worlds, LEVEL)) if found.worlds else 1.0

    @property
    def is_finding(self) -> bool:
        """Tell whether the search claims more often than it may, and surely so."""
        return self.p_value < FINDING

    def as_mapping(self) -> dict[str, Any]:
        """Return the figures for JSON: of worlds without an edge, and ``by_edge`` of all."""
        found = self.null
        kinds = self.worlds.filter(pl.col("edge_scale") == 0.0)["kind"].unique().sort()
        scales = self.worlds["edge_scale"].unique().sort()
        return {
            **_mapping(found),
            "level": LEVEL,
            "p_value": self.p_value,
            "by_kind": {kind: _mapping(self.rate(kind=kind, edge_scale=0.0)) for kind in kinds},
            "by_edge": [
                {"edge_scale": scale, **_mapping(self.rate(edge_scale=scale))} for scale in scales
            ],
            "contradicted": int(self.worlds["contradicted"].sum()),
            "trials_a_world": max(self.worlds["trials"].to_list(), default=0),
        }

    @property
    def sentence(self) -> str:
        """Return what people read first."""
        found, p = self.null, self.p_value
        if not found.worlds:
            return "No world was without an edge: how often one is claimed wrongly is not known."
        claimed = f"an edge was claimed in {found.claimed:,} of {found.worlds:,} worlds without one"
        if self.is_finding:
            return (
                f"The search claims too often: {claimed}, where {LEVEL:.0%} may be (p = {p:.2g})."
            )
        judged = [int(self.edges[name].is_not_null().sum()) for name in ("money_p", "score_p")]
        if not any(judged):
            return (
                "Nothing could be judged in these worlds: they are too short or too quiet for "
                "either leg; give them more sessions or companies."
            )
        return (
            f"The search is not seen to claim too often: {claimed}; {LEVEL:.0%} may be by chance, "
            f"and shares from {found.low:.1%} to {found.high:.1%} fit what was seen. Money could "
            f"be judged in {judged[0]:,} of {self.edges.height:,} trials, the score in "
            f"{judged[1]:,}."
        )


def _mapping(found: Rate) -> dict[str, int | float]:
    return {
        "worlds": found.worlds,
        "claimed": found.claimed,
        "claimed_money": found.claimed_money,
        "claimed_score": found.claimed_score,
        "share_low": found.low,
        "share_high": found.high,
    }


def share_interval(claimed: int, worlds: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share, Clopper and Pearson (1934).

    Parameters
    ----------
    claimed, worlds
        How many of how many.
    """
    from scipy.stats import beta

    if not worlds:
        return 0.0, 1.0
    tail = (1.0 - _CONFIDENCE) / 2
    low = float(beta.ppf(tail, claimed, worlds - claimed + 1)) if claimed else 0.0
    high = float(beta.isf(tail, claimed + 1, worlds - claimed)) if claimed < worlds else 1.0
    return low, high


def calibrate(
    worlds: Sequence[World],
    *,
    folder: Path | None = None,
    processes: int | None = None,
    cluster: str | None = None,
    progress: Progress = lambda *_: None,
) -> Calibration:
    """Run the whole search in each world.

    Parameters
    ----------
    worlds
        Which; each is independent of the others.
    folder
        Where each world's result is kept as soon as it is there, so that a run that was interrupted
        goes on; None keeps nothing.
    processes, cluster
        As in `catalyst.research.tasks.run_tasks`.
    progress
        Called with worlds done and worlds in all.

    Returns
    -------
    Calibration
        A function of the worlds alone, not of processes or interruptions.

    Raises
    ------
    InputError
        If two worlds are the same.
    OutputError
        If the folder can't be written.
    """
    names = [world.identity for world in worlds]
    if len(set(names)) < len(names):
        raise InputError("two of the worlds are the same; expected another seed for each")
    parts = None if folder is None else _parts(folder)
    known = _kept(parts)
    found = {name: known[name] for name in names if name in known}
    left = [world for world in worlds if world.identity not in found]
    progress(len(found), len(worlds))

    def done(place: int, result: dict[str, Any]) -> None:
        found[left[place].identity] = result
        if parts is not None:
            _keep(parts, result)
        progress(len(found), len(worlds))

    run_tasks(search_world, left, done=done, processes=processes, cluster=cluster)
    return _gathered([found[name] for name in names])


def _gathered(found: Sequence[dict[str, Any]]) -> Calibration:
    worlds, edges = [], []
    for one in found:
        legs = {leg: [edge[leg] for edge in one["edges"]] for leg in ("money", "score")}
        money, score = ("supported" in legs[leg] for leg in ("money", "score"))
        row = {name: one[name] for name in ("identity", "kind", "seed", "edge_scale", "trials")}
        worlds.append(
            row
            | {
                "claimed": money or score,
                "claimed_money": money,
                "claimed_score": score,
                "contradicted": any("contradicted" in words for words in legs.values()),
            }
        )
        edges += [{"identity": one["identity"], **edge} for edge in one["edges"]]
    return Calibration(pl.DataFrame(worlds, schema=_WORLDS), pl.DataFrame(edges, schema=_EDGES))


_WORLDS = {
    **dict.fromkeys(("identity", "kind"), pl.String),
    "seed": pl.Int64,
    "edge_scale": pl.Float64,
    "trials": pl.Int64,
    **dict.fromkeys(("claimed", "claimed_money", "claimed_score", "contradicted"), pl.Boolean),
}
_EDGES = {
    **dict.fromkeys(("identity", "name", "money"), pl.String),
    **dict.fromkeys(("money_value", "money_p", "money_alone"), pl.Float64),
    "score": pl.String,
    **dict.fromkeys(("score_value", "score_p", "score_alone"), pl.Float64),
    "days": pl.Int64,
}


def _parts(folder: Path) -> Path:
    """Return where finished worlds lie: those of other code are no use."""
    code = hashlib.sha256(code_version().encode()).hexdigest()[:_DIGITS]
    return folder / PARTS / code


def _kept(parts: Path | None) -> dict[str, dict[str, Any]]:
    if parts is None or not parts.is_dir():
        return {}
    texts = [path.read_text(encoding="utf-8") for path in parts.glob("*.json")]
    return {one["identity"]: one for one in map(json.loads, texts)}


def _keep(parts: Path, result: dict[str, Any]) -> None:
    try:
        parts.mkdir(parents=True, exist_ok=True)
        # Renamed when it is whole: whatever kills the process leaves a world done or not done.
        fresh = parts / f".{result['identity']}.{os.getpid()}"
        fresh.write_text(json.dumps(result), encoding="utf-8")
        fresh.replace(parts / f"{result['identity']}.json")
    except OSError as error:
        raise OutputError(
            f"{parts} can't be written: {error.strerror}; choose another folder with --out"
        ) from None
