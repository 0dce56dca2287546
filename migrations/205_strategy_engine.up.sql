-- The registry of strategies is that of variants.
CREATE TABLE strategy_engine.strategies (
    strategy_id TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    parameters  JSONB NOT NULL,
    params_hash TEXT NOT NULL,
    status      strategy_engine.strategy_status NOT NULL DEFAULT 'inactive',
    created_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (name, params_hash)
);

CREATE TABLE strategy_engine.trading_cycles (
    account_id        TEXT NOT NULL REFERENCES execution.accounts,
    cycle_id          TEXT NOT NULL,
    asof_ns           BIGINT NOT NULL,
    asof              TIMESTAMPTZ NOT NULL GENERATED ALWAYS AS (public.instant_of(asof_ns)) STORED,
    mode              TEXT NOT NULL CHECK (mode <> ''),
    status            strategy_engine.cycle_status NOT NULL,
    owner             TEXT NOT NULL,
    lease_until_ns    BIGINT NOT NULL,
    lease_until       TIMESTAMPTZ NOT NULL
        GENERATED ALWAYS AS (public.instant_of(lease_until_ns)) STORED,
    started_at        TIMESTAMPTZ,
    ended_at          TIMESTAMPTZ,
    stages_ms         JSONB NOT NULL DEFAULT '{}',
    why               TEXT NOT NULL DEFAULT '',
    candidates_found  INTEGER,
    patterns_found    INTEGER,
    signals_generated INTEGER,
    trades_executed   INTEGER,
    seq               BIGINT,
    PRIMARY KEY (account_id, cycle_id)
);
CREATE INDEX trading_cycles_asof ON strategy_engine.trading_cycles (account_id, asof_ns);
CREATE INDEX trading_cycles_running ON strategy_engine.trading_cycles (account_id)
    WHERE status = 'started';

CREATE TABLE strategy_engine.trading_candidates (
    account_id     TEXT NOT NULL REFERENCES execution.accounts,
    decided_at     TIMESTAMPTZ NOT NULL,
    symbol         TEXT NOT NULL CHECK (symbol <> ''),
    stage          SMALLINT NOT NULL CHECK (stage IN (50, 20, 5)),
    passed         BOOLEAN NOT NULL,
    reason         TEXT NOT NULL,
    value          DOUBLE PRECISION,
    threshold      DOUBLE PRECISION,
    catalyst_score DOUBLE PRECISION CHECK (catalyst_score BETWEEN 0 AND 100),
    direction      DOUBLE PRECISION,
    price          NUMERIC(18, 6) CHECK (price > 0),
    volume         DOUBLE PRECISION,
    change_frac    DOUBLE PRECISION,
    rvol           DOUBLE PRECISION,
    market_cap     NUMERIC(24, 2),
    scan_type      TEXT,
    seq            BIGINT,
    metadata       JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, decided_at, symbol, stage)
) PARTITION BY RANGE (decided_at);
CREATE INDEX trading_candidates_symbol
    ON strategy_engine.trading_candidates (symbol, decided_at);
CREATE INDEX trading_candidates_seq ON strategy_engine.trading_candidates (account_id, seq);
INSERT INTO public.partitioned_tables VALUES ('strategy_engine.trading_candidates', 'month');

CREATE TABLE strategy_engine.pattern_detections (
    account_id   TEXT NOT NULL REFERENCES execution.accounts,
    decided_at   TIMESTAMPTZ NOT NULL,
    pattern_id   TEXT NOT NULL,
    symbol       TEXT NOT NULL CHECK (symbol <> ''),
    timeframe    TEXT NOT NULL,
    bar_ts       TIMESTAMPTZ,
    pattern_type TEXT NOT NULL DEFAULT 'candlestick'
        CHECK (pattern_type IN ('candlestick', 'event', 'advanced')),
    pattern_name TEXT NOT NULL,
    value        INTEGER,
    confidence   DOUBLE PRECISION NOT NULL CHECK (confidence BETWEEN 0 AND 100),
    aligned      SMALLINT CHECK (aligned BETWEEN -1 AND 1),
    entry_price  NUMERIC(18, 6),
    stop_loss    NUMERIC(18, 6),
    target_price NUMERIC(18, 6),
    seq          BIGINT,
    metadata     JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, decided_at, pattern_id)
) PARTITION BY RANGE (decided_at);
CREATE INDEX pattern_detections_symbol
    ON strategy_engine.pattern_detections (symbol, decided_at);
CREATE INDEX pattern_detections_pattern
    ON strategy_engine.pattern_detections (account_id, pattern_id);
INSERT INTO public.partitioned_tables VALUES ('strategy_engine.pattern_detections', 'month');

CREATE TABLE strategy_engine.technical_indicators (
    account_id      TEXT NOT NULL REFERENCES execution.accounts,
    calculated_at   TIMESTAMPTZ NOT NULL,
    symbol          TEXT NOT NULL CHECK (symbol <> ''),
    timeframe       TEXT NOT NULL,
    rsi             DOUBLE PRECISION,
    macd            DOUBLE PRECISION,
    macd_signal     DOUBLE PRECISION,
    macd_histogram  DOUBLE PRECISION,
    sma20           DOUBLE PRECISION,
    sma50           DOUBLE PRECISION,
    ema9            DOUBLE PRECISION,
    atr             DOUBLE PRECISION,
    bollinger_upper DOUBLE PRECISION,
    bollinger_lower DOUBLE PRECISION,
    vwap            DOUBLE PRECISION,
    volume_ratio    DOUBLE PRECISION,
    technical_score DOUBLE PRECISION CHECK (technical_score BETWEEN 0 AND 100),
    signal          strategy_engine.indicator_signal,
    seq             BIGINT,
    metadata        JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, calculated_at, symbol, timeframe)
) PARTITION BY RANGE (calculated_at);
CREATE INDEX technical_indicators_symbol
    ON strategy_engine.technical_indicators (symbol, timeframe, calculated_at);
INSERT INTO public.partitioned_tables VALUES ('strategy_engine.technical_indicators', 'month');

CREATE TABLE strategy_engine.trading_signals (
    account_id         TEXT NOT NULL REFERENCES execution.accounts,
    signal_id          TEXT NOT NULL CHECK (signal_id <> ''),
    strategy_id        TEXT REFERENCES strategy_engine.strategies,
    symbol             TEXT NOT NULL CHECK (symbol <> ''),
    decided_at         TIMESTAMPTZ NOT NULL,
    signal_type        strategy_engine.signal_type NOT NULL,
    side               execution.order_side,
    confidence         DOUBLE PRECISION CHECK (confidence BETWEEN 0 AND 100),
    catalyst_score     DOUBLE PRECISION CHECK (catalyst_score BETWEEN 0 AND 100),
    pattern_score      DOUBLE PRECISION CHECK (pattern_score BETWEEN 0 AND 100),
    technical_score    DOUBLE PRECISION CHECK (technical_score BETWEEN 0 AND 100),
    volume_score       DOUBLE PRECISION CHECK (volume_score BETWEEN 0 AND 100),
    direction          DOUBLE PRECISION,
    recommended_entry  NUMERIC(18, 6) CHECK (recommended_entry > 0),
    stop_loss          NUMERIC(18, 6) CHECK (stop_loss > 0),
    target_1           NUMERIC(18, 6) CHECK (target_1 > 0),
    target_2           NUMERIC(18, 6),
    risk_reward_ratio  DOUBLE PRECISION,
    position_size_frac DOUBLE PRECISION CHECK (position_size_frac BETWEEN 0 AND 1),
    catalyst_type      TEXT,
    detected_patterns  TEXT[] NOT NULL DEFAULT '{}',
    pattern_ids        TEXT[] NOT NULL DEFAULT '{}',
    key_factors        TEXT[] NOT NULL DEFAULT '{}',
    news_ids           TEXT[] NOT NULL DEFAULT '{}',
    outcome            strategy_engine.signal_outcome NOT NULL,
    rule               TEXT,
    value              DOUBLE PRECISION,
    threshold          DOUBLE PRECISION,
    executed           BOOLEAN NOT NULL DEFAULT FALSE,
    executed_at        TIMESTAMPTZ,
    trade_id           TEXT,
    seq                BIGINT,
    metadata           JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, signal_id)
);
CREATE INDEX trading_signals_strategy ON strategy_engine.trading_signals (strategy_id);
CREATE INDEX trading_signals_symbol ON strategy_engine.trading_signals (symbol, decided_at);
CREATE INDEX trading_signals_at ON strategy_engine.trading_signals (account_id, decided_at);
CREATE INDEX trading_signals_pending ON strategy_engine.trading_signals (account_id, decided_at)
    WHERE outcome = 'intent' AND NOT executed;
CREATE INDEX trading_signals_news ON strategy_engine.trading_signals USING GIN (news_ids);

-- What is not a number of the strategy: those stand in its parameters alone.
CREATE TABLE strategy_engine.configuration (
    key         TEXT PRIMARY KEY,
    value       JSONB NOT NULL,
    description TEXT NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE strategy_engine.trading_schedule_config (
    mode         TEXT PRIMARY KEY,
    market_state TEXT NOT NULL UNIQUE
        CHECK (market_state IN ('pre_market', 'regular', 'after_hours')),
    opens        TIME NOT NULL,
    closes       TIME NOT NULL,
    time_zone    TEXT NOT NULL DEFAULT 'America/New_York',
    description  TEXT NOT NULL,
    CHECK (opens < closes)
);
