"""What was learned, as a variant's YAML file that can be replayed as it stands."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from catalyst.data.variants import names
from catalyst.errors import OutputError
from catalyst.strategy.params import Params


def write_learned(
    path: Path,
    params: Params,
    *,
    over: str,
    settings: Sequence[str] = (),
    force: bool = False,
) -> None:
    """Write a learned variant, whole or not at all.

    Parameters
    ----------
    path
        The file.
    params
        What was learned; see `catalyst.research.learning.learn_from` and
        `catalyst.research.reliability.learn_sources`.
    over
        The base variant's name or file.
    settings
        Single fields that were laid over the base variant, such as ``screen.price_max=1000``.
    force
        Replace a file that is there.

    Raises
    ------
    OutputError
        If it exists without ``force``, or can't be written.
    """
    check_file(path, force=force)
    base = over if over in names() else os.path.relpath(over, path.absolute().parent)
    tree: dict[str, Any] = {"over": base, "variant": params.variant}
    for setting in settings:
        name, _, value = setting.partition("=")
        section, dot, leaf = name.strip().partition(".")
        parsed = yaml.safe_load(value)
        if dot:
            tree.setdefault(section, {})[leaf] = parsed
        else:
            tree[section] = parsed
    dates = params.as_mapping().get("by_date", {})
    tree["by_date"] = {dt.date.fromisoformat(day): changes for day, changes in dates.items()}
    text = yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, width=100)
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} can't be written: {error.strerror}; choose another file with --out"
        ) from None


def check_file(path: Path, *, force: bool) -> None:
    """Refuse a file that is there already, or can't be.

    Raises
    ------
    OutputError
        If it exists without ``force``, is a folder, or lies in none.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise OutputError(
            f"--out {path} is a folder, or in none that exists; expected a file such as "
            "learned.yaml"
        )
    if path.exists() and not force:
        raise OutputError(
            f"{path} exists already; pass --force to replace it, or choose another file with --out"
        )
