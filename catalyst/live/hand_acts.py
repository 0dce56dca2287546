"""What was done at the broker without a journal: a file of lines that the next start takes up."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from catalyst.errors import ServiceError


@dataclass(frozen=True)
class HandAct:
    """Hold one act of a flatten that worked with the broker alone.

    Attributes
    ----------
    at_ns
        Exchange time, ns UTC.
    what
        ``begun``, ``cancel``, ``close`` (both written before they are sent), ``sent``, ``refused``,
        ``silence``, ``flat``, ``left`` (time was up).
    symbol, side, quantity, price
        Of the order; empty or 0 where there is none; no price is a market order.
    client_order_id, broker_id
        Ours and the broker's, as far as known.
    text
        What a person reads.
    """

    at_ns: int
    what: str
    text: str
    symbol: str = ""
    side: str = ""
    quantity: int = 0
    price: str = ""
    client_order_id: str = ""
    broker_id: str = ""


def hand_file(state: Path, account: str) -> Path:
    """Say where an account's acts by hand are written."""
    return state / f"flattened-{account}.jsonl"


def write_act(path: Path, act: HandAct) -> None:
    """Append an act; it is on the disk when this returns.

    Raises
    ------
    ServiceError
        If it can't be written.
    """
    line = json.dumps(asdict(act), sort_keys=True) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell() and not _ends_a_line(file):
                file.write(b"\n")
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ServiceError(
            f"{path} can't be written ({error.strerror}); make room, or give the right to write"
        ) from None


def flattened_by_hand(state: Path, account: str) -> tuple[HandAct, ...]:
    """Read what was done by hand since the journal last took it up, in order.

    A line that a crash cut short was never sent, and is left out.

    Raises
    ------
    ServiceError
        If a whole line is not what `write_act` writes.
    """
    path = hand_file(state, account)
    if not path.exists():
        return ()
    lines = path.read_text(encoding="utf-8").split("\n")
    acts = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            acts.append(HandAct(**json.loads(line)))
        except (ValueError, TypeError):
            if not line.endswith("}"):
                continue
            raise ServiceError(
                f"{path}, line {number} is no act of a flatten; put the file aside, and compare "
                "the account with the journal by `catalyst status`"
            ) from None
    return tuple(acts)


def _ends_a_line(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def put_aside(state: Path, account: str) -> None:
    """Keep the acts under another name, once they stand in the journal."""
    path = hand_file(state, account)
    acts = flattened_by_hand(state, account)
    if acts:
        path.replace(path.with_name(f"flattened-{account}-{acts[0].at_ns}.journalled.jsonl"))
