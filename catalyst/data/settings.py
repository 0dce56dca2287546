"""What the environment says: where things are and which keys there are, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalyst.errors import InputError

_SAMPLE = "sample"


class Settings(BaseSettings):
    """Hold the environment, and what ``.env`` in the current folder adds; variables win over it.

    Each field is the variable of the same name in capitals; an empty variable counts as unset. Keys
    and addresses with passwords never show in a print or a log. Numbers of the strategy are not
    here: they are `Params`.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_file=".env",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    catalyst_home: Path = Path(".catalyst")
    catalyst_lake: Path | None = None
    catalyst_ledger: Path | None = None
    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    alpaca_api_key: SecretStr | None = None
    alpaca_secret_key: SecretStr | None = None
    alpaca_base_url: str = "https://paper-api.alpaca.markets"
    alpaca_data_url: str = "https://data.alpaca.markets"
    yahoo_url: str | None = None
    catalyst_real_money: str | None = None
    catalyst_real_money_account: str | None = None
    finnhub_api_key: SecretStr | None = None
    news_api_key: SecretStr | None = None
    alphavantage_api_key: SecretStr | None = None
    backup_bucket: str | None = None
    spaces_key: SecretStr | None = None
    spaces_secret: SecretStr | None = None
    spaces_endpoint: str | None = None
    spaces_region: str | None = None
    mlflow_tracking_uri: str | None = None


@cache
def settings() -> Settings:
    """Read the environment, once in a process.

    Raises
    ------
    InputError
        If a value can't be read; the message names the variable, never the value.
    """
    return read_settings()


def read_settings() -> Settings:
    """Read the environment as it is now; see `settings`."""
    try:
        return Settings()
    except ValidationError as error:
        names = sorted({str(part["loc"][0]).upper() for part in error.errors()})
        raise InputError(
            f"{' and '.join(names)} can't be read from the environment or .env; "
            "expected text, and paths for CATALYST_HOME, CATALYST_LAKE and CATALYST_LEDGER"
        ) from None


def resolve_lake(told: Path | None = None) -> Path:
    """Say where the lake is: as told, else ``CATALYST_LAKE``, else the bundled sample's."""
    return told or settings().catalyst_lake or sample_root()


def sample_root() -> Path:
    """Say where the bundled sample's lake is: ``lake/sample`` under ``CATALYST_HOME``."""
    return settings().catalyst_home / "lake" / _SAMPLE
