-- The account whose journal, orders and inputs everything else belongs to.
CREATE TABLE execution.accounts (
    account_id   TEXT PRIMARY KEY CHECK (account_id <> ''),
    broker       TEXT NOT NULL DEFAULT 'alpaca',
    endpoint     TEXT,
    currency     CHAR(3) NOT NULL DEFAULT 'USD',
    initial_cash NUMERIC(20, 6),
    opened_at    TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    metadata     JSONB NOT NULL DEFAULT '{}'
);

-- Bars as live saw them. Prices are the very doubles that the strategy computed with, not money:
-- a decimal would be another number. A correction is a row with a later known_ns.
CREATE TABLE data_ingestion.market_data (
    account_id       TEXT NOT NULL REFERENCES execution.accounts,
    timeframe        TEXT NOT NULL CHECK (timeframe IN ('1m', '5m', '15m', '1h', '1d')),
    symbol           TEXT NOT NULL CHECK (symbol <> ''),
    ts               TIMESTAMPTZ NOT NULL,
    open             DOUBLE PRECISION NOT NULL,
    high             DOUBLE PRECISION NOT NULL,
    low              DOUBLE PRECISION NOT NULL,
    close            DOUBLE PRECISION NOT NULL,
    volume           DOUBLE PRECISION NOT NULL,
    source           TEXT NOT NULL,
    adjusted         SMALLINT NOT NULL DEFAULT 0 CHECK (adjusted BETWEEN 0 AND 2),
    known_ns         BIGINT NOT NULL,
    known_at         TIMESTAMPTZ NOT NULL GENERATED ALWAYS AS (public.instant_of(known_ns)) STORED,
    known_is_assumed BOOLEAN NOT NULL DEFAULT FALSE,
    seq              BIGINT,
    place            INTEGER,
    CONSTRAINT market_data_source CHECK (source = btrim(source) AND length(source) BETWEEN 1 AND 80),
    CONSTRAINT market_data_prices CHECK (low > 0 AND high >= low AND volume >= 0),
    PRIMARY KEY (account_id, timeframe, symbol, ts, source, known_ns)
) PARTITION BY RANGE (ts);
CREATE INDEX market_data_seq ON data_ingestion.market_data (account_id, seq, place);
CREATE INDEX market_data_symbol ON data_ingestion.market_data (symbol, ts);
INSERT INTO public.partitioned_tables VALUES ('data_ingestion.market_data', 'month');

-- Articles as they were known: one row for an article, a symbol and an instant. Never changed:
-- what came of an article is told elsewhere.
CREATE TABLE data_ingestion.news_raw (
    news_id          TEXT NOT NULL CHECK (news_id <> ''),
    symbol           TEXT NOT NULL,
    known_ns         BIGINT NOT NULL,
    known_at         TIMESTAMPTZ NOT NULL GENERATED ALWAYS AS (public.instant_of(known_ns)) STORED,
    published_ns     BIGINT NOT NULL,
    published_at     TIMESTAMPTZ NOT NULL
        GENERATED ALWAYS AS (public.instant_of(published_ns)) STORED,
    known_is_assumed BOOLEAN,
    headline         TEXT NOT NULL,
    url              TEXT,
    author           TEXT,
    provider         TEXT,
    source           TEXT,
    tier             SMALLINT CHECK (tier BETWEEN 1 AND 5),
    categories       TEXT[],
    keywords         TEXT[],
    tickers          TEXT[],
    sentiment        DOUBLE PRECISION CHECK (sentiment BETWEEN -1 AND 1),
    market_state     TEXT CHECK (market_state IN ('pre_market', 'regular', 'after_hours', 'closed')),
    is_pre_market    BOOLEAN GENERATED ALWAYS AS (market_state = 'pre_market') STORED,
    breaking         BOOLEAN,
    cluster_id       TEXT,
    cluster_rank     INTEGER CHECK (cluster_rank >= 0),
    cluster_sources  INTEGER,
    confirmed_by     TEXT,
    confirm_minutes  DOUBLE PRECISION,
    coordination     DOUBLE PRECISION,
    raw              TEXT,
    link             TEXT,
    id               TEXT,
    retweet_of_id    TEXT,
    collected_at     TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    metadata         JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (news_id, symbol, known_ns)
) PARTITION BY RANGE (known_ns);
CREATE INDEX news_raw_symbol ON data_ingestion.news_raw (symbol, known_ns);
CREATE INDEX news_raw_source ON data_ingestion.news_raw (source);
CREATE INDEX news_raw_tier ON data_ingestion.news_raw (tier);
CREATE INDEX news_raw_cluster ON data_ingestion.news_raw (cluster_id);
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON data_ingestion.news_raw
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON data_ingestion.news_raw
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
INSERT INTO public.partitioned_tables VALUES ('data_ingestion.news_raw', 'month_ns', TRUE);

-- Which articles an account's decisions took in, in which order, and what they were told of each:
-- two accounts may share an article, and know of other copies of it.
CREATE TABLE data_ingestion.news_seen (
    account_id TEXT NOT NULL REFERENCES execution.accounts,
    news_id    TEXT NOT NULL,
    symbol     TEXT NOT NULL,
    known_ns   BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    place      INTEGER NOT NULL,
    told       TEXT NOT NULL,
    PRIMARY KEY (account_id, seq, place),
    FOREIGN KEY (news_id, symbol, known_ns) REFERENCES data_ingestion.news_raw
);
CREATE INDEX news_seen_article ON data_ingestion.news_seen (news_id, symbol, known_ns);

-- How sources did, from fresh counts.
CREATE TABLE data_ingestion.source_metrics (
    account_id           TEXT NOT NULL REFERENCES execution.accounts,
    source_name          TEXT NOT NULL,
    articles             BIGINT NOT NULL DEFAULT 0 CHECK (articles >= 0),
    candidates           BIGINT NOT NULL DEFAULT 0 CHECK (candidates >= 0),
    signals              BIGINT NOT NULL DEFAULT 0 CHECK (signals >= 0),
    trades               BIGINT NOT NULL DEFAULT 0 CHECK (trades >= 0),
    accurate_predictions BIGINT NOT NULL DEFAULT 0 CHECK (accurate_predictions >= 0),
    false_predictions    BIGINT NOT NULL DEFAULT 0 CHECK (false_predictions >= 0),
    accuracy_rate        NUMERIC(7, 4) NOT NULL GENERATED ALWAYS AS (
        CASE WHEN accurate_predictions + false_predictions > 0
            THEN 100.0 * accurate_predictions / (accurate_predictions + false_predictions)
            ELSE 0
        END
    ) STORED,
    last_updated         TIMESTAMPTZ,
    PRIMARY KEY (account_id, source_name)
);

CREATE TABLE data_ingestion.news_collection_stats (
    account_id TEXT NOT NULL REFERENCES execution.accounts,
    source     TEXT NOT NULL,
    asked_ns   BIGINT NOT NULL,
    asked_at   TIMESTAMPTZ NOT NULL GENERATED ALWAYS AS (public.instant_of(asked_ns)) STORED,
    given      INTEGER NOT NULL DEFAULT 0 CHECK (given >= 0),
    new        INTEGER NOT NULL DEFAULT 0 CHECK (new >= 0),
    duplicates INTEGER NOT NULL DEFAULT 0 CHECK (duplicates >= 0),
    errors     INTEGER NOT NULL DEFAULT 0 CHECK (errors >= 0),
    error      TEXT,
    took_ms    DOUBLE PRECISION,
    metadata   JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, source, asked_ns)
);
CREATE INDEX news_collection_stats_at ON data_ingestion.news_collection_stats (asked_at);

-- How far each feed has come.
CREATE VIEW data_ingestion.ingestion_status AS
SELECT account_id, 'bars' AS feed, source, count(*) AS rows_total, max(ts) AS last_at,
    max(known_at) AS last_known_at
FROM data_ingestion.market_data
GROUP BY account_id, source
UNION ALL
SELECT s.account_id, 'news', coalesce(n.source, ''), count(*), max(n.published_at), max(n.known_at)
FROM data_ingestion.news_seen s
JOIN data_ingestion.news_raw n USING (news_id, symbol, known_ns)
GROUP BY s.account_id, coalesce(n.source, '');
