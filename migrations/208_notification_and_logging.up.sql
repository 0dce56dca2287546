-- One row a rule and subject that is wrong, told once however often it happens.
CREATE TABLE notification.alerts (
    alert_id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      TEXT NOT NULL REFERENCES execution.accounts,
    rule            TEXT NOT NULL CHECK (rule <> ''),
    subject         TEXT NOT NULL DEFAULT '',
    severity        notification.severity NOT NULL,
    text            TEXT NOT NULL CHECK (text <> ''),
    value           DOUBLE PRECISION,
    threshold       DOUBLE PRECISION,
    first_at        TIMESTAMPTZ NOT NULL,
    last_at         TIMESTAMPTZ NOT NULL,
    times           INTEGER NOT NULL DEFAULT 1 CHECK (times > 0),
    over            BOOLEAN NOT NULL DEFAULT FALSE,
    acknowledged    BOOLEAN NOT NULL DEFAULT FALSE,
    acknowledged_at TIMESTAMPTZ,
    acknowledged_by TEXT,
    first_seq       BIGINT,
    last_seq        BIGINT,
    metadata        JSONB NOT NULL DEFAULT '{}',
    CHECK (first_at <= last_at)
);
CREATE UNIQUE INDEX alerts_one_at_a_time ON notification.alerts (account_id, rule, subject)
    WHERE NOT over;
CREATE INDEX alerts_account ON notification.alerts (account_id, last_at);
CREATE INDEX alerts_open ON notification.alerts (account_id, severity) WHERE NOT acknowledged;

CREATE TABLE logging.workflow_log (
    account_id   TEXT NOT NULL REFERENCES execution.accounts,
    seq          BIGINT NOT NULL,
    place        INTEGER NOT NULL DEFAULT 0,
    at           TIMESTAMPTZ NOT NULL,
    cycle_id     TEXT,
    phase        TEXT NOT NULL CHECK (phase <> ''),
    status       TEXT NOT NULL DEFAULT '',
    text         TEXT NOT NULL DEFAULT '',
    items        INTEGER,
    took_ms      DOUBLE PRECISION,
    metadata     JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, seq, place),
    FOREIGN KEY (account_id, cycle_id) REFERENCES strategy_engine.trading_cycles
);
CREATE INDEX workflow_log_cycle ON logging.workflow_log (account_id, cycle_id);
CREATE INDEX workflow_log_at ON logging.workflow_log (account_id, at);

CREATE TABLE logging.service_health (
    account_id     TEXT NOT NULL,
    service_name   TEXT NOT NULL CHECK (service_name <> ''),
    status         TEXT NOT NULL CHECK (status IN ('healthy', 'degraded', 'dead', 'stopped')),
    why            TEXT NOT NULL DEFAULT '',
    host           TEXT,
    port           INTEGER CHECK (port BETWEEN 0 AND 65535),
    pid            INTEGER,
    started_at     TIMESTAMPTZ,
    last_heartbeat TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    exchange_at    TIMESTAMPTZ,
    metadata       JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, service_name)
);

CREATE TABLE logging.system_logs (
    log_id         BIGINT GENERATED ALWAYS AS IDENTITY,
    at             TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    service        TEXT NOT NULL,
    level          TEXT NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error', 'critical')),
    event          TEXT NOT NULL,
    message        TEXT NOT NULL DEFAULT '',
    account_id     TEXT,
    correlation_id TEXT,
    metadata       JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (at, log_id)
) PARTITION BY RANGE (at);
CREATE INDEX system_logs_service ON logging.system_logs (service, at);
CREATE INDEX system_logs_correlation ON logging.system_logs (correlation_id);
INSERT INTO public.partitioned_tables VALUES ('logging.system_logs', 'month');
