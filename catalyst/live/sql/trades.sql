-- Round trips, and what became of the news they rested on.

-- name: trades_entry
SELECT p.symbol, p.signal_id, p.side::TEXT, public.ns_of(s.decided_at), s.catalyst_type,
    s.catalyst_score, s.confidence, s.news_ids, s.stop_loss, s.target_1,
    t.metadata -> 'adjustments'
FROM execution.positions p
LEFT JOIN strategy_engine.trading_signals s USING (account_id, signal_id)
LEFT JOIN execution.trade_records t USING (account_id, entry_id)
WHERE p.account_id = %(account_id)s AND p.entry_id = %(entry_id)s

-- name: trades_fills
SELECT seq, fill_id, coalesce(order_id, ''), side::TEXT, role::TEXT, quantity, price, fee, filled_ns
FROM execution.fills
WHERE account_id = %(account_id)s AND entry_id = %(entry_id)s AND seq <= %(seq)s
ORDER BY seq

-- An entry that fills further after it was flat is open again.
-- name: insert_trade_record
INSERT INTO execution.trade_records (
    account_id, trade_id, entry_id, signal_id, symbol, side, order_type, quantity, entry_price,
    entry_at, stop_loss, take_profit, fees, status, decided_at, entry_catalyst, entry_news_id,
    news_ids, catalyst_score_at_entry, confidence, seq, metadata
) VALUES (
    %(account_id)s, %(trade_id)s, %(entry_id)s, %(signal_id)s, %(symbol)s,
    %(side)s::execution.order_side, 'limit', %(quantity)s, %(entry_price)s::NUMERIC,
    public.instant_of(%(entry_ns)s), %(stop_loss)s::NUMERIC, %(take_profit)s::NUMERIC,
    %(fees)s::NUMERIC, 'open', public.instant_of(%(decided_ns)s), %(entry_catalyst)s,
    %(entry_news_id)s, %(news_ids)s::TEXT[], %(catalyst_score_at_entry)s, %(confidence)s, %(seq)s,
    %(metadata)s::JSONB
)
ON CONFLICT (account_id, trade_id) DO UPDATE SET
    quantity = excluded.quantity,
    entry_price = excluded.entry_price,
    fees = excluded.fees,
    status = 'open',
    exit_price = NULL,
    exit_at = NULL,
    exit_reason = NULL,
    pnl = NULL,
    pnl_percentage = NULL,
    catalyst_confirmed = NULL,
    outcome_category = NULL,
    metadata = excluded.metadata

-- name: update_trade_exit
UPDATE execution.trade_records
SET status = 'closed', exit_price = %(exit_price)s::NUMERIC,
    exit_at = public.instant_of(%(exit_ns)s), exit_reason = %(exit_reason)s,
    pnl = %(pnl)s::NUMERIC, pnl_percentage = %(pnl_percentage)s::NUMERIC,
    catalyst_confirmed = %(catalyst_confirmed)s, outcome_category = %(outcome_category)s,
    metadata = metadata || %(moved)s::JSONB
WHERE account_id = %(account_id)s AND trade_id = %(trade_id)s

-- Each event counts once, in the session that closes after it.
-- name: trades_count_session
WITH span AS (
    SELECT coalesce(max(seq), 0) AS after FROM execution.journal
    WHERE account_id = %(account_id)s AND kind = 'session_closed' AND seq < %(seq)s
), told AS (
    SELECT coalesce(nullif(n.source, ''), 'unknown') AS source, n.news_id, n.symbol
    FROM data_ingestion.news_seen s
    JOIN data_ingestion.news_raw n USING (news_id, symbol, known_ns)
    CROSS JOIN span
    WHERE s.account_id = %(account_id)s AND s.seq > span.after AND s.seq <= %(seq)s
), articles AS (
    SELECT source, count(DISTINCT news_id) AS articles FROM told GROUP BY source
), candidates AS (
    SELECT t.source, count(DISTINCT c.symbol) AS candidates
    FROM strategy_engine.trading_candidates c
    CROSS JOIN span
    JOIN (SELECT DISTINCT source, symbol FROM told) AS t USING (symbol)
    WHERE c.account_id = %(account_id)s AND c.stage = 50 AND c.passed
        AND c.seq > span.after AND c.seq <= %(seq)s
    GROUP BY t.source
), signals AS (
    SELECT coalesce(nullif(n.source, ''), 'unknown') AS source,
        count(DISTINCT s.signal_id) AS signals
    FROM strategy_engine.trading_signals s
    CROSS JOIN span
    JOIN data_ingestion.news_raw n ON n.news_id = ANY (s.news_ids)
    WHERE s.account_id = %(account_id)s AND s.seq > span.after AND s.seq <= %(seq)s
    GROUP BY 1
)
INSERT INTO data_ingestion.source_metrics
    (account_id, source_name, articles, candidates, signals, last_updated)
SELECT %(account_id)s, source, coalesce(articles, 0), coalesce(candidates, 0),
    coalesce(signals, 0), public.instant_of(%(at_ns)s)
FROM articles
FULL JOIN candidates USING (source)
FULL JOIN signals USING (source)
ON CONFLICT (account_id, source_name) DO UPDATE SET
    articles = source_metrics.articles + excluded.articles,
    candidates = source_metrics.candidates + excluded.candidates,
    signals = source_metrics.signals + excluded.signals,
    last_updated = excluded.last_updated

-- From fresh counts: a rate of the counts before would be one trade behind.
-- name: trades_count_outcomes
WITH told AS (
    SELECT coalesce(nullif(n.source, ''), 'unknown') AS source,
        count(DISTINCT t.trade_id) AS trades,
        count(DISTINCT t.trade_id) FILTER (WHERE t.catalyst_confirmed) AS accurate,
        count(DISTINCT t.trade_id) FILTER (WHERE NOT t.catalyst_confirmed) AS wrong
    FROM execution.trade_records t
    JOIN data_ingestion.news_raw n ON n.news_id = ANY (t.news_ids)
    WHERE t.account_id = %(account_id)s AND t.status = 'closed'
    GROUP BY 1
)
INSERT INTO data_ingestion.source_metrics (
    account_id, source_name, trades, accurate_predictions, false_predictions, last_updated
)
SELECT %(account_id)s, source, trades, accurate, wrong, public.instant_of(%(at_ns)s) FROM told
ON CONFLICT (account_id, source_name) DO UPDATE SET
    trades = excluded.trades,
    accurate_predictions = excluded.accurate_predictions,
    false_predictions = excluded.false_predictions,
    last_updated = excluded.last_updated
