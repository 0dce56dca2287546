"""What a run is remembered by in MLflow: flat parameters, metrics, curves, tags and files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from catalyst.data.calendar import day_to_date
from catalyst.strategy.components import Component
from catalyst.strategy.param_content import content
from catalyst.strategy.params import Params
from catalyst.strategy.values import Floats, Ints

#: MLflow refuses longer values of parameters and tags; what is cut says so, with its hash.
_LONGEST_VALUE = 5_900
_LOCK = "requirements.lock"
_TAGS = (
    "data_digest",
    "params_hash",
    "enrichment_hash",
    "code_version",
    "decision_digest",
    "variant",
    "timeframe",
    "start",
    "end",
    "sessions",
    "symbols",
)


@dataclass(frozen=True)
class Curve:
    """Hold a value by session.

    Attributes
    ----------
    at_ms : int64[sessions]
        When each session closed, ms UTC.
    values : float64[sessions]
        What was reached then.
    """

    at_ms: Ints
    values: Floats


@dataclass(frozen=True)
class TrackRecord:
    """Hold all that MLflow is told of one run.

    Attributes
    ----------
    name
        Shown in MLflow's list.
    params, tags
        Texts by name.
    metrics
        Numbers by name; what is not known is left out.
    curves
        By name; the last value counts as the metric of that name.
    files
        Kept as artifacts, by their place among them.
    note
        Markdown, shown at the head of the run's page.
    error
        Why the run failed, one sentence; it then carries no metrics. Empty for one that is whole.
    """

    name: str
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    note: str = ""
    error: str = ""


def flat_params(params: Params) -> dict[str, str]:
    """Return every parameter as text by ``section.field``, as MLflow keeps them.

    A component is its name, with the hash of its source where it is the user's own; each scored
    component is ``scored.NAME`` with its weight. Parameters that take effect later are
    ``by_date.DATE.section.field``, those only that differ from the ones before any date, and
    ``by_date.DATE`` is their hash.
    """
    found = _flat(params)
    for day, later in params.by_date:
        date = day_to_date(day)
        then = _flat(later)
        found |= {f"by_date.{date}.{k}": v for k, v in then.items() if found.get(k) != v}
    return {_named(name): shortened(text) for name, text in found.items()}


def tags_of(summary: Mapping[str, Any], *, lake: str) -> dict[str, str]:
    """Return what identifies a run.

    Parameters
    ----------
    summary
        Its ``summary.json``.
    lake
        The lake's name: its folder's last part, for a path of this machine says nothing elsewhere.
    """
    tags = {name: str(summary[name]) for name in _TAGS if name in summary}
    asked = summary.get("asked", {})
    return {
        **tags,
        "lock_hash": lock_hash(),
        "lake": lake,
        "synthetic": "yes" if summary.get("synthetic") else "no",
        "asked_symbols": shortened(", ".join(asked.get("symbols") or ["all"])),
        "asked_sources": ", ".join(asked.get("sources") or ["first known"]),
    }


@cache
def lock_hash() -> str:
    """Return 16 hexadecimal digits over what was installed.

    Those of ``requirements.lock`` beside the package, or, where it was installed without, of the
    names and versions of all distributions; which of them stands before the colon.
    """
    lock = Path(str(resources.files("catalyst"))).parent / _LOCK
    if lock.is_file():
        return f"{_LOCK}:{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    installed = sorted(
        {f"{one.metadata['Name']}=={one.version}".lower() for one in metadata.distributions()}
    )
    return f"installed:{hashlib.sha256(chr(10).join(installed).encode()).hexdigest()[:16]}"


def shortened(text: str) -> str:
    """Cut a text to what MLflow takes; the end then says how long it was, and its hash."""
    if len(text) <= _LONGEST_VALUE:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[:_LONGEST_VALUE]} ... {len(text):,} characters in all, sha256 {digest}"


def _flat(params: Params) -> dict[str, str]:
    out: dict[str, str] = {}
    # Sections that a variant does not use, too: beside one that does a gap would say nothing.
    for name, value in content(params, idle=True).items():
        if name == "scored" and isinstance(value, tuple):
            out |= {f"scored.{_text(component)}": _text(weight) for component, weight in value}
        else:
            out[name] = _text(value)
    return out


def _text(value: object) -> str:
    if isinstance(value, Component):
        return f"{value.name}@{value.source_hash}" if value.source_hash else value.name
    if isinstance(value, tuple):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _named(name: str) -> str:
    # MLflow refuses other characters, and names that are paths upwards.
    return re.sub(r"[^\w.\- :]", "_", name)[:250]
