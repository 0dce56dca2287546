"""A whole search in one world: variants and a small sweep, counted and judged as anywhere else."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from catalyst.data.lake import Lake
from catalyst.data.search_ledger import SearchLedger
from catalyst.research.contenders import contender
from catalyst.research.edge import Edge, edge_of, edge_of_outcome
from catalyst.research.null_worlds import SimulatedSize, null_world, simulated_world
from catalyst.research.together import replay_together
from catalyst.research.trial_records import bearing_trials
from catalyst.research.trials import run_trials

SIMULATED = "simulated"
VARIANTS = ("spec", "momentum_chase", "pullback", "news_only", "pattern_only", "random")
EXITS = (
    ("risk.stop_frac=0.01",),
    ("risk.stop_frac=0.03",),
    ("risk.time_stop_hours=1",),
    ("risk.time_stop_hours=4",),
)
"""A small sweep of the first variant's exits."""
OPENED = (
    "screen.catalyst_min=10",
    "screen.rvol_min=0",
    "screen.volume_min=0",
    "screen.price_max=1000000",
)
"""Gates as wide as a small simulated market needs: under thirty trades nothing is ever claimed."""
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Search:
    """Hold what is tried in each world.

    Attributes
    ----------
    variants
        Bundled variants or YAML files; the first is swept, too.
    settings
        Laid over all of them, such as ``screen.price_max=1000``.
    sweep
        Settings of each further trial of the first variant; exits and limits only, as its scores
        are judged once.
    """

    variants: tuple[str, ...] = VARIANTS
    settings: tuple[str, ...] = ()
    sweep: tuple[tuple[str, ...], ...] = EXITS


@dataclass(frozen=True, slots=True)
class World:
    """Name a world and what is to be tried in it.

    Attributes
    ----------
    kind
        ``simulated``, or one of `catalyst.research.null_worlds.KINDS`.
    seed
        Of its draws.
    search
        What is tried.
    lake
        Folder of the lake that it is made of; "" makes it of a simulated market with the usual
        edge, which the world then breaks.
    data_digest
        Of that lake.
    size
        Of simulated markets.
    edge_scale
        Of a simulated world: size of the planted edge, 0 for none.
    timeframe, start, end, symbols
        Part of the lake that is asked for, as for `catalyst.replay`; dates as ISO text.
    """

    kind: str
    seed: int
    search: Search = field(default_factory=Search)
    lake: str = ""
    data_digest: str = ""
    size: SimulatedSize = field(default_factory=SimulatedSize)
    edge_scale: float = 0.0
    timeframe: str | None = None
    start: str | None = None
    end: str | None = None
    symbols: tuple[str, ...] | None = None

    @property
    def identity(self) -> str:
        """Return a hash of all that shapes what is found; where the lake lies does not."""
        asked = asdict(self) | {"lake": bool(self.lake)}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def search_world(world: World) -> dict[str, Any]:
    """Make a world, search it with a ledger of its own, and judge everything that was tried.

    Parameters
    ----------
    world
        Which, and what is tried.

    Returns
    -------
    dict
        identity, kind, seed, edge_scale, trials (how many were counted) and edges: of each variant
        and trial its name, the words of both legs and their p-values. A function of `world` and the
        lake's data alone.

    Raises
    ------
    InputError, LakeError
        If the world can't be made, or a variant is unknown.
    """
    with tempfile.TemporaryDirectory(prefix="catalyst-world-") as scratch:
        lake = _made(world, Path(scratch))
        ledger = SearchLedger(Path(scratch) / "trials.sqlite")
        extent: dict[str, Any] = {
            "timeframe": _timeframe(world, lake),
            "start": _date(world.start),
            "end": _date(world.end),
            "symbols": world.symbols,
        }
        search = world.search
        named = [
            contender(name, lake, **extent, settings=search.settings) for name in search.variants
        ]
        swept = [
            contender(search.variants[0], lake, **extent, settings=(*search.settings, *more))
            for more in search.sweep
        ]
        results = replay_together(lake, named, **extent, ledger=ledger)
        outcomes = run_trials(lake, swept, **extent, ledger=ledger)
        trials = bearing_trials(results[0].summary, lake, ledger)
        edges = [
            _told(name, edge_of(result, trials=trials))
            for name, result in zip(search.variants, results, strict=True)
        ]
        edges += [
            _told(" ".join((search.variants[0], *more)), edge_of_outcome(outcome, trials=trials))
            for more, outcome in zip(search.sweep, outcomes, strict=True)
        ]
    return {
        "identity": world.identity,
        "kind": world.kind,
        "seed": world.seed,
        "edge_scale": world.edge_scale,
        "trials": len(trials),
        "edges": edges,
    }


def _made(world: World, scratch: Path) -> Lake:
    if world.kind == SIMULATED:
        return simulated_world(
            scratch / "world", seed=world.seed, size=world.size, edge_scale=world.edge_scale
        )
    if world.lake:
        source = Lake(world.lake)
    else:
        source = simulated_world(
            scratch / "source", seed=world.seed, size=world.size, edge_scale=1.0
        )
    return null_world(
        world.kind,
        source,
        scratch / "world",
        seed=world.seed,
        timeframe=_timeframe(world, source),
    )


def _timeframe(world: World, lake: Lake) -> str:
    return world.timeframe or lake.timeframes()[0]


def _date(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


def _told(name: str, edge: Edge) -> Mapping[str, Any]:
    money, score = edge.money.as_mapping(), edge.score.as_mapping()
    return {
        "name": name,
        "money": edge.money.word,
        "money_value": money["value"],
        "money_p": money["p_value"],
        "money_alone": money["alone"],
        "score": edge.score.word,
        "score_value": score["value"],
        "score_p": score["p_value"],
        "score_alone": score["alone"],
        "days": edge.score.days,
    }
