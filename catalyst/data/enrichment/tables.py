"""The tables beside the code: outlets, categories, breaking words, companies, finance lexicon."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata, resources
from typing import Any

import yaml

_PACKAGE = "catalyst.data.enrichment"
# BaseLoader reads every scalar as text: the tickers ON, NO, Y and TRUE are not booleans.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@cache
def table(name: str) -> dict[str, Any]:
    """Read one YAML table of the package; every scalar is text.

    Parameters
    ----------
    name
        File name without its ending, for example ``sources``.

    Returns
    -------
    dict
        The table as written, cached for the life of the process: don't change it.
    """
    text = resources.files(_PACKAGE).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - builds text only
    return content


@cache
def enrichment_hash() -> str:
    """Hash everything that decides what a headline becomes.

    Returns
    -------
    str
        SHA-256 hex over names and bytes of the package's code and tables, in ascending order of
        name, and over the version of the sentiment lexicon. Stored with the data digest, so a
        changed keyword is a changed data set.
    """
    digest = hashlib.sha256()
    files = [
        file for file in resources.files(_PACKAGE).iterdir() if file.name.endswith((".py", ".yaml"))
    ]
    for file in sorted(files, key=lambda entry: entry.name):
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    digest.update(metadata.version("vadersentiment").encode())
    return digest.hexdigest()
