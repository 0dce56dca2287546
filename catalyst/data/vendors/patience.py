"""One request, sent until it is answered: timeouts, retries, the vendor's own wishes for pauses."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from catalyst.data.vendors.protocol import Watcher
from catalyst.data.vendors.rate_limit import LONGEST_PAUSE_S, Bucket
from catalyst.errors import VendorError

#: Seconds to connect, and between two bytes of an answer.
TIMEOUT_S = (10.0, 60.0)

_TRIES = 6
_FIRST_PAUSE_S = 1.0
_TOO_MANY = 429
_LEAST_EPOCH_S = 1e8


class Answer(Protocol):
    """Be an answer of requests or of curl_cffi, its body read."""

    @property
    def status_code(self) -> int:
        """Give the HTTP status."""

    @property
    def headers(self) -> Any:  # noqa: ANN401 - two libraries, two kinds of mapping
        """Give the headers, names in any case."""


AnswerT = TypeVar("AnswerT", bound=Answer)


@dataclass(frozen=True, slots=True)
class Patience:
    """Send requests of one vendor at its pace, and again where that may help.

    429 and 5xx answers, timeouts, refused and dropped connections are tried again, at most six
    times in all, after the pause that the vendor names (Retry-After, X-RateLimit-Reset) or 1, 2,
    4, 8 and 16 s. Every other answer is the caller's.

    Attributes
    ----------
    vendor
        Its name, for messages.
    bucket
        Its rate limit.
    watcher
        Told of requests, retries and pauses.
    clock, sleep
        Seconds since 1970, and waiting; others in tests.
    """

    vendor: str
    bucket: Bucket
    watcher: Watcher
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def pace(self) -> None:
        """Wait until the rate limit lets a request through, and count it."""
        self.bucket.take(lambda seconds: self.watcher.waiting(seconds, "rate limit"))
        self.watcher.requested()

    def send(
        self,
        once: Callable[[], AnswerT],
        *,
        transient: tuple[type[Exception], ...],
        flaw: Callable[[AnswerT], str | None] | None = None,
    ) -> AnswerT:
        """Send a request until it is answered for good.

        Parameters
        ----------
        once
            Sends it and reads the whole body.
        transient
            What `once` raises when a connection fails or is cut.
        flaw
            Says what is wrong with a body that came with status 200, if it may come right.

        Raises
        ------
        VendorError
            If no try was answered, or the vendor wants a longer pause than five minutes.
        """
        why = ""
        for number in range(_TRIES):
            self.pace()
            asked = None
            try:
                answer = once()
            except transient as error:
                # The text of such an error holds the address, and that may hold a crumb or a token.
                why = f"the connection failed ({type(error).__name__})"
            else:
                status = answer.status_code
                if status == _TOO_MANY:
                    asked = wished_pause(answer.headers, now=self.clock())
                    why = "it answered 429, too many requests"
                elif status >= 500:
                    asked = wished_pause(answer.headers, now=self.clock())
                    why = f"it answered {status}"
                else:
                    found = flaw(answer) if flaw is not None and status == 200 else None
                    if found is None:
                        return answer
                    why = found
            if number + 1 == _TRIES:
                break
            pause = _FIRST_PAUSE_S * 2**number if asked is None else asked
            if pause > LONGEST_PAUSE_S:
                raise VendorError(
                    f"{self.vendor} asks to wait {pause:,.0f} s before the next request; run the "
                    "same command again after that, it goes on where it was"
                )
            self.watcher.retried(why)
            if why.startswith("it answered 429"):
                self.bucket.pause(pause)
            if pause > 0:
                self.watcher.waiting(pause, why)
                self.sleep(pause)
                self.watcher.waiting(0.0, why)
        raise VendorError(f"{self.vendor} did not answer in {_TRIES} tries: {why}")


def wished_pause(headers: Mapping[str, str], *, now: float) -> float | None:
    """Read how many seconds a vendor wants to be left alone, None if it does not say.

    Retry-After holds seconds or an HTTP date (RFC 9110), X-RateLimit-Reset the second since 1970
    at which the count starts anew, or the seconds until then.
    """
    retry_after = _header(headers, "retry-after")
    if retry_after is not None:
        seconds = _number(retry_after)
        if seconds is not None:
            return max(0.0, seconds)
        try:
            return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - now)
        except ValueError:
            pass
    reset = _number(_header(headers, "x-ratelimit-reset") or "")
    if reset is None:
        return None
    return max(0.0, reset - now if reset > _LEAST_EPOCH_S else reset)


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < 1e12 else None
