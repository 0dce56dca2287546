-- What people read: figures over trades, and the old names with the old columns.

CREATE VIEW analytics.portfolio_metrics AS
SELECT
    account_id,
    count(*) AS total_trades,
    count(*) FILTER (WHERE pnl > 0) AS winning_trades,
    count(*) FILTER (WHERE pnl <= 0) AS losing_trades,
    round(100.0 * count(*) FILTER (WHERE pnl > 0) / count(*), 4) AS win_rate,
    sum(pnl) AS total_pnl,
    round(avg(pnl), 6) AS average_pnl,
    coalesce(sum(pnl) FILTER (WHERE pnl > 0), 0) AS gross_profit,
    coalesce(-sum(pnl) FILTER (WHERE pnl <= 0), 0) AS gross_loss,
    max(pnl) AS best_pnl,
    min(pnl) AS worst_pnl,
    sum(fees) AS total_fees
FROM execution.trade_records
WHERE status = 'closed'
GROUP BY account_id;

CREATE VIEW analytics.daily_pnl AS
SELECT
    account_id,
    (exit_at AT TIME ZONE 'America/New_York')::DATE AS trade_date,
    count(*) AS trades,
    sum(pnl) AS daily_pnl,
    count(*) FILTER (WHERE pnl > 0) AS wins,
    sum(fees) AS fees
FROM execution.trade_records
WHERE status = 'closed'
GROUP BY account_id, trade_date;

-- A trade counts for the patterns of its own signal, once each.
CREATE VIEW analytics.pattern_effectiveness AS
SELECT
    t.account_id,
    p.pattern_name,
    count(*) AS trade_count,
    round(avg(t.pnl), 6) AS average_pnl,
    round(100.0 * count(*) FILTER (WHERE t.pnl > 0) / count(*), 4) AS win_rate
FROM execution.trade_records t
JOIN strategy_engine.trading_signals s USING (account_id, signal_id)
CROSS JOIN LATERAL (SELECT DISTINCT unnest(s.detected_patterns) AS pattern_name) p
WHERE t.status = 'closed'
GROUP BY t.account_id, p.pattern_name;

-- The mean of 24 hours up to each symbol's last article.
CREATE VIEW analytics.news_sentiment_24h AS
SELECT n.symbol, avg(n.sentiment) AS avg_sentiment, count(*) AS article_count, max(l.last) AS asof
FROM data_ingestion.news_raw n
JOIN (
    SELECT symbol, max(published_at) AS last FROM data_ingestion.news_raw GROUP BY symbol
) l ON l.symbol = n.symbol AND n.published_at > l.last - INTERVAL '24 hours'
GROUP BY n.symbol;

CREATE VIEW public.trades AS
SELECT
    trade_id AS id, account_id, signal_id, symbol,
    CASE side WHEN 'buy' THEN 'BUY' ELSE 'SELL' END AS signal_type,
    quantity, entry_price, exit_price, pnl AS profit_loss, confidence,
    entry_catalyst AS trade_reason, exit_reason, status::TEXT AS status,
    entry_at AS created_at, exit_at AS closed_at
FROM execution.trade_records;

CREATE VIEW public.orders AS
SELECT
    client_order_id AS order_id, account_id, broker_id AS alpaca_order_id, symbol,
    order_type::TEXT AS order_type, side::TEXT AS side, quantity,
    coalesce(limit_price, stop_price) AS price, status::TEXT AS status, filled_quantity,
    average_fill_price, role::TEXT AS entry_reason, created_at, updated_at
FROM execution.orders;

CREATE VIEW public.positions AS
SELECT
    account_id, entry_id, symbol, quantity, avg_price AS average_cost, market_value,
    unrealized_pnl, realized_pnl, protection, last_updated
FROM execution.positions
WHERE status = 'open';

CREATE VIEW public.scanning_results AS
SELECT
    account_id, symbol, decided_at AS scan_timestamp, price, volume,
    100 * change_frac AS change_percent, rvol AS relative_volume, market_cap,
    coalesce(scan_type, 'stage_' || stage) AS scan_type, passed, reason, catalyst_score, metadata
FROM strategy_engine.trading_candidates;

CREATE VIEW public.pattern_analysis AS
SELECT
    account_id, pattern_id, symbol, pattern_type, pattern_name, confidence, entry_price, stop_loss,
    target_price, timeframe, decided_at AS detection_timestamp, metadata
FROM strategy_engine.pattern_detections;

-- An article's weight in a score depends on parameters: impact is told with the signal, not here.
CREATE VIEW public.news_sentiment AS
SELECT
    news_id, symbol, headline, source, published_at AS article_date, sentiment AS sentiment_score,
    CASE WHEN sentiment > 0.1 THEN 'positive' WHEN sentiment < -0.1 THEN 'negative'
        ELSE 'neutral' END AS sentiment_label,
    CASE WHEN coalesce(cardinality(tickers), 0) <= 1 OR tickers[1] = symbol THEN 1.0
        ELSE 1.0 / cardinality(tickers) END AS relevance_score,
    NULL::DOUBLE PRECISION AS impact_score, known_at AS analysis_timestamp, metadata
FROM data_ingestion.news_raw;

CREATE VIEW public.strategy_signals AS
SELECT
    account_id, signal_id, strategy_id, symbol, lower(signal_type::TEXT) AS signal,
    round((confidence / 100)::NUMERIC, 4) AS strength, decided_at AS created_at
FROM strategy_engine.trading_signals;

CREATE VIEW public.service_coordination AS
SELECT
    account_id, service_name, host, port, status, last_heartbeat,
    extract(epoch FROM CURRENT_TIMESTAMP - last_heartbeat) / 60 AS minutes_since_heartbeat,
    why, metadata
FROM logging.service_health;

CREATE VIEW public.workflow_tracking AS
SELECT
    account_id, cycle_id, phase, status, at - make_interval(secs => coalesce(took_ms, 0) / 1000)
    AS start_time, at AS end_time, items AS items_processed
FROM logging.workflow_log
WHERE cycle_id IS NOT NULL;

CREATE VIEW public.workflow_events AS
SELECT account_id, cycle_id, at AS event_time, phase AS event_type, text AS message, metadata
FROM logging.workflow_log;

CREATE VIEW public.workflow_metrics AS
SELECT c.account_id, c.cycle_id, s.key AS metric_name, s.value::DOUBLE PRECISION AS metric_value,
    c.asof AS recorded_at
FROM strategy_engine.trading_cycles c
CROSS JOIN LATERAL jsonb_each_text(c.stages_ms) s;
