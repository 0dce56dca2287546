-- The truth: what was decided, sent and answered. One chain an account; `hash` is over the very
-- text of `body`, `payload` is the same for queries. Nothing else here but can be made from it.
CREATE TABLE execution.journal (
    account_id TEXT NOT NULL REFERENCES execution.accounts,
    seq        BIGINT NOT NULL CHECK (seq > 0),
    kind       TEXT NOT NULL CHECK (kind <> ''),
    at_ns      BIGINT NOT NULL,
    at         TIMESTAMPTZ NOT NULL GENERATED ALWAYS AS (public.instant_of(at_ns)) STORED,
    asof_ns    BIGINT,
    asof       TIMESTAMPTZ GENERATED ALWAYS AS (public.instant_of(asof_ns)) STORED,
    body       TEXT NOT NULL,
    payload    JSONB NOT NULL GENERATED ALWAYS AS (body::JSONB) STORED,
    prev_hash  TEXT NOT NULL CHECK (prev_hash <> ''),
    hash       TEXT NOT NULL CHECK (hash <> '' AND hash <> prev_hash),
    written_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, seq)
) PARTITION BY RANGE (seq);
CREATE INDEX journal_kind ON execution.journal (account_id, kind, seq);
CREATE INDEX journal_hash ON execution.journal (hash);
CREATE INDEX journal_at ON execution.journal (account_id, at_ns);
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON execution.journal
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON execution.journal
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
INSERT INTO public.partitioned_tables VALUES ('execution.journal', 'rows', TRUE);
SELECT public.make_partition('execution.journal', '_000000', '0', '250000');

-- How far the derived tables have come.
CREATE TABLE execution.projection_watermarks (
    account_id TEXT PRIMARY KEY REFERENCES execution.accounts,
    seq        BIGINT NOT NULL CHECK (seq >= 0)
);

CREATE TABLE execution.positions (
    account_id     TEXT NOT NULL REFERENCES execution.accounts,
    entry_id       TEXT NOT NULL CHECK (entry_id <> ''),
    signal_id      TEXT,
    symbol         TEXT NOT NULL CHECK (symbol <> ''),
    side           execution.order_side NOT NULL,
    status         execution.position_status NOT NULL,
    quantity       NUMERIC(15, 4) NOT NULL DEFAULT 0,
    avg_price      NUMERIC(18, 6) CHECK (avg_price > 0),
    -- What the shares held have cost: parts of it leave with the shares that do, to the micro-dollar.
    cost_basis     NUMERIC(20, 6) NOT NULL DEFAULT 0,
    mark           NUMERIC(18, 6) CHECK (mark > 0),
    market_value   NUMERIC(20, 6),
    unrealized_pnl NUMERIC(20, 6),
    realized_pnl   NUMERIC(20, 6) NOT NULL DEFAULT 0,
    fees           NUMERIC(20, 6) NOT NULL DEFAULT 0,
    protection     TEXT NOT NULL DEFAULT 'none'
        CHECK (protection IN ('none', 'watched', 'partial', 'broker')),
    opened_at      TIMESTAMPTZ,
    closed_at      TIMESTAMPTZ,
    last_updated   TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    seq            BIGINT,
    metadata       JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, entry_id)
);
-- One position or working entry a symbol, whatever the code thinks (incident 7). A fill that comes
-- after its entry was closed, while another is open, is booked all the same: closed, with shares.
CREATE UNIQUE INDEX positions_one_per_symbol ON execution.positions (account_id, symbol)
    WHERE status <> 'closed';
CREATE INDEX positions_symbol ON execution.positions (symbol);
CREATE INDEX positions_status ON execution.positions (account_id, status);

CREATE TABLE execution.orders (
    account_id         TEXT NOT NULL REFERENCES execution.accounts,
    client_order_id    TEXT NOT NULL CHECK (length(client_order_id) BETWEEN 1 AND 128),
    broker_id          TEXT,
    parent_id          TEXT,
    order_id           TEXT,
    order_ids          TEXT[] NOT NULL DEFAULT '{}',
    entry_id           TEXT,
    signal_id          TEXT,
    leg                SMALLINT,
    symbol             TEXT NOT NULL CHECK (symbol <> ''),
    side               execution.order_side NOT NULL,
    role               execution.order_role,
    purpose            TEXT CHECK (purpose IN ('entry', 'protect', 'exit', 'cancel', 'replace')),
    order_type         execution.order_type NOT NULL,
    order_class        TEXT,
    time_in_force      TEXT,
    extended_hours     BOOLEAN NOT NULL DEFAULT FALSE,
    status             execution.order_status NOT NULL DEFAULT 'unknown',
    quantity           NUMERIC(15, 4) NOT NULL CHECK (quantity > 0),
    filled_quantity    NUMERIC(15, 4) NOT NULL DEFAULT 0,
    limit_price        NUMERIC(15, 4) CHECK (limit_price > 0),
    stop_price         NUMERIC(15, 4) CHECK (stop_price > 0),
    average_fill_price NUMERIC(18, 6) CHECK (average_fill_price > 0),
    replaced_by        TEXT,
    replaces           TEXT,
    refusal            TEXT,
    rule               TEXT,
    value              DOUBLE PRECISION,
    threshold          DOUBLE PRECISION,
    intent_seq         BIGINT,
    outcome_seq        BIGINT,
    known_seq          BIGINT,
    submitted_at       TIMESTAMPTZ,
    created_at         TIMESTAMPTZ,
    updated_at         TIMESTAMPTZ,
    metadata           JSONB NOT NULL DEFAULT '{}',
    CHECK (filled_quantity BETWEEN 0 AND quantity),
    PRIMARY KEY (account_id, client_order_id),
    UNIQUE (account_id, broker_id),
    FOREIGN KEY (account_id, entry_id) REFERENCES execution.positions
);
CREATE INDEX orders_entry ON execution.orders (account_id, entry_id);
CREATE INDEX orders_order ON execution.orders (account_id, order_id);
CREATE INDEX orders_symbol ON execution.orders (symbol, updated_at);
CREATE INDEX orders_open ON execution.orders (account_id, symbol)
    WHERE status NOT IN ('filled', 'canceled', 'expired', 'replaced', 'rejected');

CREATE TABLE execution.fills (
    account_id      TEXT NOT NULL REFERENCES execution.accounts,
    fill_id         TEXT NOT NULL CHECK (fill_id <> ''),
    client_order_id TEXT NOT NULL,
    broker_id       TEXT NOT NULL,
    execution_id    TEXT NOT NULL,
    order_id        TEXT,
    entry_id        TEXT,
    symbol          TEXT NOT NULL CHECK (symbol <> ''),
    side            execution.order_side NOT NULL,
    role            execution.order_role,
    quantity        NUMERIC(15, 4) NOT NULL CHECK (quantity > 0),
    price           NUMERIC(18, 6) NOT NULL CHECK (price > 0),
    fee             NUMERIC(20, 6) NOT NULL DEFAULT 0,
    filled_ns       BIGINT NOT NULL,
    filled_at       TIMESTAMPTZ NOT NULL GENERATED ALWAYS AS (public.instant_of(filled_ns)) STORED,
    seq             BIGINT NOT NULL,
    metadata        JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, fill_id),
    UNIQUE (account_id, broker_id, execution_id),
    FOREIGN KEY (account_id, client_order_id) REFERENCES execution.orders,
    FOREIGN KEY (account_id, entry_id) REFERENCES execution.positions
);
CREATE INDEX fills_order ON execution.fills (account_id, client_order_id);
CREATE INDEX fills_entry ON execution.fills (account_id, entry_id);
CREATE INDEX fills_symbol ON execution.fills (symbol, filled_at);
CREATE INDEX fills_seq ON execution.fills (account_id, seq);

CREATE TABLE execution.portfolio_status (
    account_id      TEXT NOT NULL REFERENCES execution.accounts,
    at              TIMESTAMPTZ NOT NULL,
    seq             BIGINT NOT NULL,
    cash            NUMERIC(20, 6) NOT NULL,
    positions_value NUMERIC(20, 6) NOT NULL,
    total_value     NUMERIC(20, 6) NOT NULL,
    realized_pnl    NUMERIC(20, 6),
    unrealized_pnl  NUMERIC(20, 6),
    daily_pnl       NUMERIC(20, 6),
    total_pnl       NUMERIC(20, 6),
    margin_used     NUMERIC(20, 6) NOT NULL DEFAULT 0,
    buying_power    NUMERIC(20, 6),
    n_positions     INTEGER NOT NULL CHECK (n_positions >= 0),
    metadata        JSONB NOT NULL DEFAULT '{}',
    CHECK (total_value = cash + positions_value),
    PRIMARY KEY (account_id, at, seq)
) PARTITION BY RANGE (at);
INSERT INTO public.partitioned_tables VALUES ('execution.portfolio_status', 'month');

-- Every change of cash, and the balance after it.
CREATE TABLE execution.balance_history (
    account_id     TEXT NOT NULL REFERENCES execution.accounts,
    transaction_id TEXT NOT NULL,
    kind           execution.transaction_kind NOT NULL,
    amount         NUMERIC(20, 6) NOT NULL,
    balance        NUMERIC(20, 6) NOT NULL,
    at             TIMESTAMPTZ NOT NULL,
    symbol         TEXT,
    entry_id       TEXT,
    fill_id        TEXT,
    seq            BIGINT NOT NULL,
    place          INTEGER NOT NULL DEFAULT 0,
    description    TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, transaction_id),
    FOREIGN KEY (account_id, fill_id) REFERENCES execution.fills,
    FOREIGN KEY (account_id, entry_id) REFERENCES execution.positions
);
CREATE INDEX balance_history_fill ON execution.balance_history (account_id, fill_id);
CREATE INDEX balance_history_entry ON execution.balance_history (account_id, entry_id);
CREATE INDEX balance_history_seq ON execution.balance_history (account_id, seq, place);

-- Round trips: one entry from flat to flat, money from fills alone (incident 19).
CREATE TABLE execution.trade_records (
    account_id              TEXT NOT NULL REFERENCES execution.accounts,
    trade_id                TEXT NOT NULL CHECK (trade_id <> ''),
    entry_id                TEXT NOT NULL,
    signal_id               TEXT,
    symbol                  TEXT NOT NULL CHECK (symbol <> ''),
    side                    execution.order_side NOT NULL,
    order_type              execution.order_type,
    quantity                NUMERIC(15, 4) NOT NULL CHECK (quantity > 0),
    entry_price             NUMERIC(18, 6) NOT NULL CHECK (entry_price > 0),
    entry_at                TIMESTAMPTZ NOT NULL,
    exit_price              NUMERIC(18, 6) CHECK (exit_price > 0),
    exit_at                 TIMESTAMPTZ,
    exit_reason             TEXT,
    stop_loss               NUMERIC(18, 6),
    take_profit             NUMERIC(18, 6),
    fees                    NUMERIC(20, 6) NOT NULL DEFAULT 0,
    pnl                     NUMERIC(20, 6),
    pnl_percentage          NUMERIC(20, 6),
    status                  execution.trade_status NOT NULL DEFAULT 'open',
    decided_at              TIMESTAMPTZ,
    entry_catalyst          TEXT,
    entry_news_id           TEXT,
    news_ids                TEXT[] NOT NULL DEFAULT '{}',
    catalyst_score_at_entry DOUBLE PRECISION,
    confidence              DOUBLE PRECISION,
    catalyst_confirmed      BOOLEAN,
    outcome_category        TEXT,
    seq                     BIGINT,
    metadata                JSONB NOT NULL DEFAULT '{}',
    CHECK (status = 'open' OR (exit_price IS NOT NULL AND exit_at IS NOT NULL AND pnl IS NOT NULL)),
    PRIMARY KEY (account_id, trade_id),
    UNIQUE (account_id, entry_id),
    FOREIGN KEY (account_id, entry_id) REFERENCES execution.positions,
    FOREIGN KEY (account_id, signal_id) REFERENCES strategy_engine.trading_signals
);
CREATE INDEX trade_records_signal ON execution.trade_records (account_id, signal_id);
CREATE INDEX trade_records_symbol ON execution.trade_records (symbol, exit_at);
CREATE INDEX trade_records_status ON execution.trade_records (account_id, status);
CREATE INDEX trade_records_news ON execution.trade_records (entry_news_id);

-- What people and other processes ask of the one that trades.
CREATE TABLE execution.control_requests (
    request_id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   TEXT NOT NULL REFERENCES execution.accounts,
    command      execution.control_command NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    done_at      TIMESTAMPTZ,
    answer       JSONB,
    arguments    JSONB NOT NULL DEFAULT '{}'
);
CREATE INDEX control_requests_account ON execution.control_requests (account_id, request_id);
CREATE INDEX control_requests_pending ON execution.control_requests (account_id, request_id)
    WHERE done_at IS NULL;
