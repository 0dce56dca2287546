"""How a person's command finds the broker of an account, without anything else that lives."""

from __future__ import annotations

from catalyst.data.settings import Settings
from catalyst.errors import BrokerSilenceError, InputError, ServiceError
from catalyst.live.alpaca_broker import AlpacaBroker, opened
from catalyst.live.endpoint import Keys, Money, endpoint_of, keys_of, parse_endpoint
from catalyst.live.run_file import Run


def broker_of(settings: Settings, run: Run | None, account: str) -> AlpacaBroker:
    """Open the broker of an account: where its live process traded, else as the environment says.

    Raises
    ------
    InputError
        If there are no keys, or they are of another account.
    BrokerSilenceError
        If the broker can't be reached.
    ServiceError
        If it was a paper exchange of a live process, and ended with it.
    """
    endpoint = parse_endpoint(run.exchange_url) if run and run.exchange_url else None
    if endpoint is None or endpoint.money is not Money.LOCAL:
        endpoint = endpoint_of(settings)
    paper = run.paper_account if run and endpoint.money is Money.LOCAL else ""
    keys = Keys(paper, paper) if paper else keys_of(settings)
    try:
        broker = opened(settings, endpoint=endpoint, keys=keys)
    except BrokerSilenceError:
        if not paper:
            raise
        raise ServiceError(
            f"the paper exchange of account {account or paper} does not run at {endpoint.url} any "
            "more; `catalyst live` starts it again with its books, and takes the account up"
        ) from None
    number = broker.account().number
    if account and number != account:
        raise InputError(
            f"the keys are of account {number} at {endpoint.url}, but {account} was asked for; "
            "expected ALPACA_API_KEY and ALPACA_SECRET_KEY of that account"
        )
    return broker
