"""Addresses of servers that are not ours: read, and refused if a password would travel in clear."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from catalyst.errors import InputError

_ENCRYPTED = {"require", "verify-ca", "verify-full"}


def check_database_address(url: SecretStr) -> None:
    """Refuse a ``DATABASE_URL`` that can't be read, or that leaves this machine without TLS.

    Raises
    ------
    InputError
        Naming the host, never the address.
    """
    try:
        told = conninfo_to_dict(url.get_secret_value())
    except psycopg.Error:
        raise InputError(
            "DATABASE_URL can't be read; expected an address such as "
            "postgresql://user:password@host:5432/catalyst?sslmode=verify-full"
        ) from None
    hosts = str(told.get("hostaddr") or told.get("host") or os.environ.get("PGHOST") or "")
    mode = str(told.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer")
    for host in hosts.split(","):
        if not _is_here(host) and mode not in _ENCRYPTED:
            raise InputError(
                f"DATABASE_URL leads to {host} with sslmode {mode}; expected TLS to any host but "
                "this machine: add ?sslmode=verify-full (or require) to it"
            )


def check_redis_address(url: SecretStr) -> None:
    """Refuse a ``REDIS_URL`` that can't be read, or that leaves this machine without TLS.

    Raises
    ------
    InputError
        Naming the host, never the address.
    """
    try:
        told = urlsplit(url.get_secret_value())
        host, scheme = told.hostname or "", told.scheme
        told.port  # noqa: B018 - it is read, and may not be a number
    except ValueError:
        host, scheme = "", ""
    if scheme not in {"redis", "rediss", "unix"}:
        raise InputError(
            "REDIS_URL can't be read; expected an address such as rediss://:password@host:6379/0"
        )
    if scheme == "redis" and not _is_here(host):
        raise InputError(
            f"REDIS_URL leads to {host} without TLS; expected it to any host but this machine: "
            "begin it with rediss://"
        )


def _is_here(host: str) -> bool:
    if host in {"", "localhost"} or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
