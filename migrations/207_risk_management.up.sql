-- Limits of an account as its parameters set them, and where it stands against each.
CREATE TABLE risk_management.risk_limits (
    account_id    TEXT NOT NULL REFERENCES execution.accounts,
    rule          TEXT NOT NULL CHECK (rule <> ''),
    threshold     DOUBLE PRECISION NOT NULL,
    current_value DOUBLE PRECISION,
    reached       BOOLEAN NOT NULL DEFAULT FALSE,
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    metadata      JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, rule)
);

CREATE TABLE risk_management.risk_events (
    account_id TEXT NOT NULL REFERENCES execution.accounts,
    seq        BIGINT NOT NULL,
    place      INTEGER NOT NULL DEFAULT 0,
    at         TIMESTAMPTZ NOT NULL,
    rule       TEXT NOT NULL CHECK (rule <> ''),
    symbol     TEXT,
    value      DOUBLE PRECISION,
    threshold  DOUBLE PRECISION,
    text       TEXT NOT NULL DEFAULT '',
    signal_id  TEXT,
    order_id   TEXT,
    metadata   JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, seq, place)
);
CREATE INDEX risk_events_rule ON risk_management.risk_events (account_id, rule, at);
CREATE INDEX risk_events_symbol ON risk_management.risk_events (symbol, at);

-- The same by symbol: what one position may cost, and what it does.
CREATE TABLE risk_management.position_limits (
    account_id    TEXT NOT NULL REFERENCES execution.accounts,
    symbol        TEXT NOT NULL CHECK (symbol <> ''),
    max_value     NUMERIC(20, 6) NOT NULL CHECK (max_value >= 0),
    current_value NUMERIC(20, 6) NOT NULL DEFAULT 0,
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    metadata      JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, symbol)
);
