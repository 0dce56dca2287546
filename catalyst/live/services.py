"""The database and the cache that live trading uses: somebody's servers, or embedded ones."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from catalyst.data.settings import Settings
from catalyst.errors import ServiceError
from catalyst.live.addresses import check_database_address, check_redis_address
from catalyst.live.postgres import Postgres
from catalyst.live.quarters import OPEN_GROUND, quarters_of
from catalyst.live.shared_server import Tenancy


@dataclass(frozen=True)
class Services:
    """Hold the addresses of both servers, and a claim on those that are embedded.

    Attributes
    ----------
    database_url
        Of PostgreSQL, password included.
    redis_url
        Of Redis, password included; None if it could not be started: the cache is optional.
    redis_error
        Why there is none, one sentence; empty if there is.
    embedded
        Names of the servers that are ours: ``postgresql``, ``redis``.
    """

    database_url: SecretStr
    redis_url: SecretStr | None
    redis_error: str
    embedded: tuple[str, ...]
    _claims: ExitStack = field(repr=False, compare=False)

    def close(self) -> None:
        """Give up the embedded servers; the last user's call stops them. May be called again."""
        self._claims.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_services(
    home: Path,
    settings: Settings,
    *,
    with_redis: bool = True,
    durable: bool = True,
    open_ground: Path = OPEN_GROUND,
) -> Services:
    """Find or start PostgreSQL and Redis.

    ``DATABASE_URL`` and ``REDIS_URL`` win; they must ask for TLS unless their host is this machine.
    Else the servers are embedded: on free ports of the loopback, with random passwords, data under
    ``state/postgres`` and ``state/redis`` of `home`, shared by all processes that ask for the same
    `home`, stopped by the last one's `Services.close`.

    Parameters
    ----------
    home
        ``CATALYST_HOME``.
    settings
        Where the two addresses are looked up.
    with_redis
        Whether the cache is wanted; where not, its address is None.
    durable
        Whether a commit waits for the disk; only tests may do without.
    open_ground
        See `catalyst.live.quarters.quarters_of`.

    Raises
    ------
    InputError
        If an address can't be read, or would send passwords in the clear.
    ServiceError
        If PostgreSQL can't be started.
    """
    if settings.database_url is not None:
        check_database_address(settings.database_url)
    if settings.redis_url is not None:
        check_redis_address(settings.redis_url)
    state = home / "state"
    embedded = []
    with ExitStack() as claims:
        database_url = settings.database_url
        if database_url is None:
            quarters = quarters_of(state / "postgres", open_ground=open_ground)
            postgres = Postgres(quarters, durable=durable)
            tenancy = Tenancy(quarters, postgres)
            claims.callback(tenancy.close)
            database_url = SecretStr(postgres.address(tenancy.port))
            embedded.append("postgresql")
        redis_url, redis_error = settings.redis_url if with_redis else None, ""
        if redis_url is None and with_redis:
            try:
                redis_url = _open_redis(state / "redis", claims, open_ground)
                embedded.append("redis")
            except ServiceError as error:
                redis_error = str(error)
        return Services(database_url, redis_url, redis_error, tuple(embedded), claims.pop_all())


def _open_redis(office: Path, claims: ExitStack, open_ground: Path) -> SecretStr:
    from catalyst.live.valkey import Valkey  # noqa: PLC0415 - Redis's client takes half a second

    quarters = quarters_of(office, open_ground=open_ground)
    valkey = Valkey(quarters)
    tenancy = Tenancy(quarters, valkey)
    claims.callback(tenancy.close)
    return SecretStr(valkey.address(tenancy.port))
