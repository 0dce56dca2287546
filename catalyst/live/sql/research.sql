-- What a scan saw, found and thought, from decided events.

-- A stream that is drained twice at one instant of a stepped clock counts together.
-- name: insert_news_collection
INSERT INTO data_ingestion.news_collection_stats
    (account_id, source, asked_ns, given, new, duplicates, errors, error, metadata)
VALUES (
    %(account_id)s, %(source)s, %(asked_ns)s, %(given)s, %(new)s, %(duplicates)s, %(errors)s,
    %(error)s, %(metadata)s::JSONB
)
ON CONFLICT (account_id, source, asked_ns) DO UPDATE SET
    given = news_collection_stats.given + excluded.given,
    new = news_collection_stats.new + excluded.new,
    duplicates = news_collection_stats.duplicates + excluded.duplicates,
    errors = news_collection_stats.errors + excluded.errors,
    error = coalesce(excluded.error, news_collection_stats.error)

-- name: insert_trading_candidate
INSERT INTO strategy_engine.trading_candidates (
    account_id, decided_at, symbol, stage, passed, reason, value, threshold, catalyst_score,
    direction, price, volume, change_frac, rvol, scan_type, seq
) VALUES (
    %(account_id)s, public.instant_of(%(decided_ns)s), %(symbol)s, %(stage)s, %(passed)s,
    %(reason)s, %(value)s, %(threshold)s, %(catalyst_score)s, %(direction)s,
    %(price)s::DOUBLE PRECISION, %(volume)s, %(change_frac)s, %(rvol)s, %(scan_type)s, %(seq)s
)

-- name: insert_pattern_detection
INSERT INTO strategy_engine.pattern_detections (
    account_id, decided_at, pattern_id, symbol, timeframe, bar_ts, pattern_type, pattern_name,
    value, confidence, aligned, entry_price, stop_loss, target_price, seq
) VALUES (
    %(account_id)s, public.instant_of(%(decided_ns)s), %(pattern_id)s, %(symbol)s, %(timeframe)s,
    public.instant_of(%(bar_ns)s), %(pattern_type)s, %(pattern_name)s, %(value)s, %(confidence)s,
    %(aligned)s, %(entry_price)s::DOUBLE PRECISION, %(stop_loss)s::DOUBLE PRECISION,
    %(target_price)s::DOUBLE PRECISION, %(seq)s
)
ON CONFLICT DO NOTHING

-- name: insert_technical_indicators
INSERT INTO strategy_engine.technical_indicators (
    account_id, calculated_at, symbol, timeframe, rsi, macd, macd_signal, macd_histogram, sma20,
    sma50, ema9, atr, bollinger_upper, bollinger_lower, vwap, volume_ratio, technical_score,
    signal, seq
) VALUES (
    %(account_id)s, public.instant_of(%(calculated_ns)s), %(symbol)s, %(timeframe)s, %(rsi)s,
    %(macd)s, %(macd_signal)s, %(macd_histogram)s, %(sma20)s, %(sma50)s, %(ema9)s, %(atr)s,
    %(bollinger_upper)s, %(bollinger_lower)s, %(vwap)s, %(volume_ratio)s, %(technical_score)s,
    %(signal)s::strategy_engine.indicator_signal, %(seq)s
)
ON CONFLICT DO NOTHING

-- name: insert_trading_signal
INSERT INTO strategy_engine.trading_signals (
    account_id, signal_id, strategy_id, symbol, decided_at, signal_type, side, confidence,
    catalyst_score, pattern_score, technical_score, volume_score, direction, recommended_entry,
    stop_loss, target_1, target_2, risk_reward_ratio, position_size_frac, catalyst_type,
    detected_patterns, pattern_ids, key_factors, news_ids, outcome, rule, value, threshold, seq
) VALUES (
    %(account_id)s, %(signal_id)s,
    (SELECT strategy_id FROM strategy_engine.strategies WHERE strategy_id = %(strategy_id)s),
    %(symbol)s, public.instant_of(%(decided_ns)s),
    %(signal_type)s::strategy_engine.signal_type, %(side)s::execution.order_side, %(confidence)s,
    %(catalyst_score)s, %(pattern_score)s, %(technical_score)s, %(volume_score)s, %(direction)s,
    %(recommended_entry)s::DOUBLE PRECISION, %(stop_loss)s::DOUBLE PRECISION,
    %(target_1)s::DOUBLE PRECISION, %(target_2)s::DOUBLE PRECISION, %(risk_reward_ratio)s,
    %(position_size_frac)s, %(catalyst_type)s, %(detected_patterns)s, %(pattern_ids)s,
    %(key_factors)s, %(news_ids)s, %(outcome)s::strategy_engine.signal_outcome, %(rule)s,
    %(value)s, %(threshold)s, %(seq)s
)
ON CONFLICT DO NOTHING

-- name: mark_signal_executed
UPDATE strategy_engine.trading_signals
SET executed = TRUE, executed_at = public.instant_of(%(executed_ns)s), trade_id = %(trade_id)s
WHERE account_id = %(account_id)s AND signal_id = %(signal_id)s

-- name: research_strategy
INSERT INTO strategy_engine.strategies
    (strategy_id, name, parameters, params_hash, status, created_at, updated_at)
VALUES (
    %(params_hash)s, %(variant)s, %(params)s::JSONB, %(params_hash)s, 'active',
    public.instant_of(%(at_ns)s), public.instant_of(%(at_ns)s)
)
ON CONFLICT (strategy_id) DO UPDATE SET
    status = 'active', updated_at = greatest(strategies.updated_at, excluded.updated_at)

-- name: research_strategy_of
SELECT payload ->> 'params_hash' FROM execution.journal
WHERE account_id = %(account_id)s AND kind = 'session_opened' AND seq <= %(seq)s
ORDER BY seq DESC
LIMIT 1

-- name: research_cycle_counts
UPDATE strategy_engine.trading_cycles
SET candidates_found = %(candidates)s, patterns_found = %(patterns)s,
    signals_generated = %(signals)s, trades_executed = %(trades)s
WHERE account_id = %(account_id)s AND asof_ns = %(asof_ns)s AND seq <= %(seq)s

-- name: research_portfolio
INSERT INTO execution.portfolio_status (
    account_id, at, seq, cash, positions_value, total_value, unrealized_pnl, realized_pnl,
    daily_pnl, total_pnl, n_positions
)
SELECT %(account_id)s, public.instant_of(%(asof_ns)s), %(seq)s, cash, held, cash + held, open,
    cash + held - open - begun, cash + held - %(day_start)s::NUMERIC, cash + held - begun,
    %(n_positions)s
FROM (
    SELECT %(cash)s::NUMERIC AS cash, %(positions_value)s::NUMERIC AS held,
        %(unrealized)s::NUMERIC AS open,
        coalesce(initial_cash, %(cash)s::NUMERIC) AS begun
    FROM execution.accounts WHERE account_id = %(account_id)s
) AS told

-- name: research_risk_event
INSERT INTO risk_management.risk_events
    (account_id, seq, place, at, rule, symbol, value, threshold, text, signal_id, order_id)
VALUES (
    %(account_id)s, %(seq)s, %(place)s, public.instant_of(%(at_ns)s), %(rule)s, %(symbol)s,
    %(value)s, %(threshold)s, %(text)s, %(signal_id)s, %(order_id)s
)

-- name: research_workflow
INSERT INTO logging.workflow_log (account_id, seq, at, cycle_id, phase, status, text, items)
VALUES (
    %(account_id)s, %(seq)s, public.instant_of(%(at_ns)s), %(cycle_id)s, %(phase)s, %(status)s,
    %(text)s, %(items)s
)

-- name: projection_mark
SELECT seq FROM execution.projection_watermarks WHERE account_id = %(account_id)s FOR UPDATE

-- name: projection_begin
INSERT INTO execution.projection_watermarks (account_id, seq) VALUES (%(account_id)s, 0)
ON CONFLICT DO NOTHING

-- name: projection_move
UPDATE execution.projection_watermarks SET seq = %(seq)s WHERE account_id = %(account_id)s
