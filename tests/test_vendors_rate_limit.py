"""The rate limit: one bucket for all processes of one key."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from catalyst.data.vendors.protocol import Limits
from catalyst.data.vendors.rate_limit import Bucket, fingerprint

# A tenth of a second a request after the first twenty.
LIMITS = Limits(per_minute=620, burst=20)
TAKER = """
import sys, time
from pathlib import Path
from catalyst.data.vendors.protocol import Limits
from catalyst.data.vendors.rate_limit import Bucket
bucket = Bucket(Path(sys.argv[1]), Limits(per_minute=620, burst=20))
for _ in range(25):
    bucket.take(lambda seconds: None)
    print(time.time(), flush=True)
"""


@dataclass
class Clock:
    now: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def bucket_of(folder: Path, clock: Clock) -> Bucket:
    return Bucket(folder / "rate.json", LIMITS, clock=lambda: clock.now, sleep=clock.sleep)


def take(bucket: Bucket, times: int) -> None:
    for _ in range(times):
        bucket.take(lambda _: None)


def test_two_processes_together_stay_under_the_limit(tmp_path: Path) -> None:
    began = time.time()
    command = [sys.executable, "-c", TAKER, str(tmp_path / "rate.json")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    stamps = sorted(float(line) for one in both for line in one.communicate()[0].split())
    rate = (LIMITS.per_minute - LIMITS.burst) / 60
    crowded = [
        (first, last)
        for first in range(len(stamps))
        for last in range(first, len(stamps))
        # A tenth of a second for a process that is late in writing down its first request.
        if last - first + 1 > LIMITS.burst + rate * (stamps[last] - stamps[first] + 0.1) + 1
    ]

    assert len(stamps) == 50
    assert crowded == []
    assert stamps[-1] - began >= 30 / rate


def test_a_burst_goes_out_at_once_and_the_rest_at_the_rate(tmp_path: Path) -> None:
    clock = Clock()
    take(bucket_of(tmp_path, clock), LIMITS.burst + 3)

    assert [round(seconds, 6) for seconds in clock.slept] == [0.1, 0.1, 0.1]


def test_any_minute_sees_at_most_the_limit(tmp_path: Path) -> None:
    clock = Clock()
    bucket = bucket_of(tmp_path, clock)
    stamps = []
    for _ in range(1_500):
        bucket.take(lambda _: None)
        stamps.append(clock.now)
    most = max(sum(start <= stamp < start + 60 for stamp in stamps) for start in stamps)

    assert most <= LIMITS.per_minute


def test_a_clock_set_back_an_hour_neither_blocks_nor_opens_the_gate(tmp_path: Path) -> None:
    clock = Clock()
    bucket = bucket_of(tmp_path, clock)
    take(bucket, LIMITS.burst)
    clock.now -= 3_600
    take(bucket, 2)

    assert [round(seconds, 6) for seconds in clock.slept] == [0.1, 0.1]


def test_a_pause_holds_for_other_processes_too(tmp_path: Path) -> None:
    clock = Clock()
    bucket_of(tmp_path, clock).pause(7.0)
    take(bucket_of(tmp_path, clock), 1)

    assert clock.slept == [7.0]


def test_a_pause_from_before_the_clock_was_set_back_is_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    bucket = bucket_of(tmp_path, clock)
    bucket.pause(7.0)
    clock.now -= 86_400
    take(bucket, 1)

    assert sum(clock.slept) <= 0.1 + 1e-6


def test_a_torn_file_counts_as_a_full_bucket(tmp_path: Path) -> None:
    (tmp_path / "rate.json").write_text('{"tokens": -4, "at')
    clock = Clock()
    take(bucket_of(tmp_path, clock), LIMITS.burst)

    assert clock.slept == []


def test_the_name_of_the_file_does_not_tell_the_key() -> None:
    found = fingerprint("an-invented-key")

    assert (len(found), "invented" in found, found == fingerprint("another")) == (12, False, False)
