-- What is read of news, scans, patterns, signals and trades.

-- name: get_recent_news
SELECT news_id, symbol, headline, source, tier, published_at, known_at, sentiment, categories,
    keywords, tickers, market_state, is_pre_market, breaking, cluster_id, cluster_rank, url, author,
    provider
FROM data_ingestion.news_raw
WHERE known_ns <= %(now_ns)s
    AND known_at > public.instant_of(%(now_ns)s) - make_interval(secs => 3600 * %(hours)s)
    AND known_ns > %(now_ns)s - (3600000000000 * %(hours)s)::BIGINT
    AND (%(symbol)s::TEXT IS NULL OR symbol = %(symbol)s)
    AND (%(pre_market)s::BOOLEAN IS NULL OR is_pre_market = %(pre_market)s)
ORDER BY known_ns DESC, news_id, symbol
LIMIT %(limit)s

-- name: news_collection_stats
SELECT source, count(*) AS polls, sum(given) AS given, sum(new) AS new,
    sum(duplicates) AS duplicates, sum(errors) AS errors, max(asked_at) AS last_asked
FROM data_ingestion.news_collection_stats
WHERE account_id = %(account_id)s AND asked_ns <= %(now_ns)s
    AND asked_at > public.instant_of(%(now_ns)s) - make_interval(secs => 3600 * %(hours)s)
GROUP BY source
ORDER BY source

-- name: get_candidates_for_analysis
SELECT * FROM (
    SELECT DISTINCT ON (symbol) symbol, decided_at, stage, passed, reason, catalyst_score,
        direction, price, volume, change_frac, rvol
    FROM strategy_engine.trading_candidates c
    WHERE account_id = %(account_id)s AND passed AND decided_at <= public.instant_of(%(now_ns)s)
        AND decided_at > public.instant_of(%(now_ns)s) - make_interval(secs => 3600 * %(hours)s)
        AND NOT (
            %(untraded)s AND EXISTS (
                SELECT FROM execution.positions p
                WHERE p.account_id = c.account_id AND p.symbol = c.symbol AND p.status <> 'closed'
            )
        )
    ORDER BY symbol, decided_at DESC, stage
) AS latest
ORDER BY catalyst_score DESC NULLS LAST, symbol
LIMIT %(limit)s

-- name: get_pattern_history
SELECT pattern_id, symbol, decided_at, timeframe, bar_ts, pattern_type, pattern_name, value,
    confidence, aligned, entry_price, stop_loss, target_price
FROM strategy_engine.pattern_detections
WHERE account_id = %(account_id)s AND symbol = %(symbol)s
    AND decided_at <= public.instant_of(%(now_ns)s)
    AND decided_at > public.instant_of(%(now_ns)s) - make_interval(secs => 3600 * %(hours)s)
ORDER BY decided_at DESC, pattern_id

-- name: get_latest_indicators
SELECT DISTINCT ON (timeframe) symbol, timeframe, calculated_at, rsi, macd, macd_signal,
    macd_histogram, sma20, sma50, ema9, atr, bollinger_upper, bollinger_lower, vwap, volume_ratio,
    technical_score, signal::TEXT
FROM strategy_engine.technical_indicators
WHERE account_id = %(account_id)s AND symbol = %(symbol)s
    AND (%(timeframe)s::TEXT IS NULL OR timeframe = %(timeframe)s)
ORDER BY timeframe, calculated_at DESC

-- name: get_signal_history
SELECT signal_id, symbol, decided_at, signal_type::TEXT, confidence, catalyst_score, pattern_score,
    technical_score, volume_score, recommended_entry, stop_loss, target_1, target_2,
    risk_reward_ratio, position_size_frac, catalyst_type, detected_patterns, key_factors, news_ids,
    outcome::TEXT, rule, value, threshold, executed, trade_id
FROM strategy_engine.trading_signals
WHERE account_id = %(account_id)s
    AND decided_at <= public.instant_of(%(now_ns)s)
    AND decided_at > public.instant_of(%(now_ns)s) - make_interval(secs => 3600 * %(hours)s)
    AND (%(symbol)s::TEXT IS NULL OR symbol = %(symbol)s)
ORDER BY decided_at DESC, signal_id
LIMIT %(limit)s

-- name: get_pending_signals
SELECT s.signal_id, s.symbol, s.decided_at, s.signal_type::TEXT, s.confidence,
    s.recommended_entry, s.stop_loss, s.target_1, s.target_2, s.position_size_frac, p.entry_id
FROM strategy_engine.trading_signals s
LEFT JOIN execution.positions p USING (account_id, signal_id)
WHERE s.account_id = %(account_id)s AND s.outcome = 'intent' AND NOT s.executed
    AND (p.entry_id IS NULL OR p.status = 'working')
    AND NOT EXISTS (
        SELECT FROM execution.journal j
        WHERE j.account_id = s.account_id AND j.kind = 'withheld' AND j.seq > s.seq
            AND j.payload ->> 'symbol' = s.symbol
    )
ORDER BY s.decided_at, s.signal_id

-- name: get_open_positions
SELECT entry_id, signal_id, symbol, side::TEXT, status::TEXT, quantity, avg_price, cost_basis, mark,
    market_value, unrealized_pnl, realized_pnl, fees, opened_at
FROM execution.positions
WHERE account_id = %(account_id)s AND (status <> 'closed' OR quantity <> 0)
ORDER BY symbol, entry_id

-- name: get_trade_history
SELECT trade_id, entry_id, signal_id, symbol, side::TEXT, quantity, entry_price, entry_at,
    exit_price, exit_at, exit_reason, fees, pnl, pnl_percentage, status::TEXT, decided_at,
    entry_catalyst, entry_news_id, news_ids, catalyst_score_at_entry, confidence,
    catalyst_confirmed, outcome_category
FROM execution.trade_records
WHERE account_id = %(account_id)s AND entry_at >= public.instant_of(%(since_ns)s)
    AND (%(symbol)s::TEXT IS NULL OR symbol = %(symbol)s)
ORDER BY entry_at DESC, trade_id
LIMIT %(limit)s

-- name: calculate_portfolio_metrics
SELECT coalesce(m.total_trades, 0) AS total_trades, coalesce(m.winning_trades, 0) AS winning_trades,
    coalesce(m.losing_trades, 0) AS losing_trades, m.win_rate, m.average_pnl,
    coalesce(m.total_pnl, 0) AS total_pnl, coalesce(m.gross_profit, 0) AS gross_profit,
    coalesce(m.gross_loss, 0) AS gross_loss, m.best_pnl, m.worst_pnl,
    coalesce(m.total_fees, 0) AS total_fees, o.open_positions, o.market_value, o.unrealized_pnl,
    s.cash, s.total_value AS equity
FROM (
    SELECT count(*) AS open_positions, coalesce(sum(market_value), 0) AS market_value,
        coalesce(sum(unrealized_pnl), 0) AS unrealized_pnl
    FROM execution.positions
    WHERE account_id = %(account_id)s AND quantity <> 0
) AS o
LEFT JOIN analytics.portfolio_metrics m ON m.account_id = %(account_id)s
LEFT JOIN LATERAL (
    SELECT cash, total_value FROM execution.portfolio_status
    WHERE account_id = %(account_id)s
    ORDER BY at DESC, seq DESC
    LIMIT 1
) AS s ON TRUE

-- name: news_with_outcomes
SELECT n.news_id, n.symbol, n.headline, n.source, n.tier, n.published_at, n.known_at, n.sentiment,
    t.trade_id, t.pnl, t.pnl_percentage, t.exit_reason, t.catalyst_confirmed,
    m.accuracy_rate AS source_accuracy
FROM data_ingestion.news_raw n
LEFT JOIN execution.trade_records t
    ON t.account_id = %(account_id)s AND t.symbol = n.symbol AND n.news_id = ANY (t.news_ids)
LEFT JOIN data_ingestion.source_metrics m
    ON m.account_id = %(account_id)s
    AND m.source_name = coalesce(nullif(n.source, ''), 'unknown')
WHERE n.symbol = %(symbol)s AND n.known_ns <= %(now_ns)s
    AND n.known_at > public.instant_of(%(now_ns)s) - make_interval(secs => 3600 * %(hours)s)
ORDER BY n.known_ns DESC, n.news_id
LIMIT %(limit)s
