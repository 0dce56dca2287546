"""The journal's chain: each row's text, and the hash that ties it to all rows before it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from catalyst.errors import InvariantError

REPLACEMENT = "�"
"""What stands in a text for characters that can't be kept."""


def genesis(account_id: str) -> str:
    """Return what the first row of an account's chain follows: 64 hexadecimal digits."""
    return hashlib.blake2b(f"catalyst|{account_id}".encode(), digest_size=32).hexdigest()


def link(prev_hash: str, seq: int, kind: str, *, at_ns: int, body: str) -> str:
    """Return a row's hash: 64 hexadecimal digits over the row before it and all it says itself."""
    said = f"{prev_hash}|{seq}|{kind}|{at_ns}|{body}"
    return hashlib.blake2b(said.encode(), digest_size=32).hexdigest()


def canonical(payload: dict[str, Any]) -> str:
    """Return a payload as the one text that stands for it: JSON, keys ascending, floats by repr.

    Characters that PostgreSQL can't keep in JSON (NUL, halves of surrogate pairs), which only a
    broker's or a vendor's words may hold, become U+FFFD.

    Raises
    ------
    InvariantError
        If the payload holds NaN, an infinity or something that JSON has no word for.
    """
    try:
        text = _dumped(payload)
        if "\\u0000" in text or not _encodes(text):
            text = _dumped(_plain(payload))
    except (TypeError, ValueError) as error:
        raise InvariantError(
            f"a payload can't be journalled: {error}; expected JSON values, null for NaN"
        ) from error
    return text


def _dumped(payload: object) -> str:
    return json.dumps(
        payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: object) -> object:
    if isinstance(value, str):
        kept = value.replace("\0", REPLACEMENT)
        return kept.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
