"""Options of an import: what the user said, else what the format implies, else the default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)
else:
    T = TypeVar("T")


def settled(said: T, preset: Mapping[str, Any], defaults: T) -> T:
    """Fill the options that were not said.

    Parameters
    ----------
    said
        Options, None where nothing was said.
    preset
        By name of option, what the format implies; names that `said` has not are left out. A
        mapping of columns is filled column by column.
    defaults
        What is left.
    """
    found = {}
    for one in fields(said):
        value, implied = getattr(said, one.name), preset.get(one.name)
        if value is None:
            value = implied if implied is not None else getattr(defaults, one.name)
        elif isinstance(value, Mapping) and isinstance(implied, Mapping):
            value = {**implied, **value}
        found[one.name] = value
    return replace(said, **found)


def options_text(options: DataclassInstance, *, format_: str, raw: bool) -> str:
    """Write how rows were read as JSON, for quarantine: settled options, without what is None.

    Parameters
    ----------
    options
        As settled.
    format_
        The format of their file.
    raw
        Whether the text kept of a row is its line in the file, not its columns.
    """
    held: dict[str, Any] = {"format": format_}
    if raw:
        held["raw"] = True
    for one in fields(options):
        value = getattr(options, one.name)
        if value is not None:
            held[one.name] = dict(value) if isinstance(value, Mapping) else value
    return json.dumps(held, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
