-- How an account does, from the tables that trading writes.

-- name: status_last_account
SELECT account_id FROM execution.journal
WHERE (account_id, seq) IN (SELECT account_id, max(seq) FROM execution.journal GROUP BY account_id)
ORDER BY written_at DESC
LIMIT 1

-- name: status_opened
SELECT payload ->> 'day', payload ->> 'variant', payload ->> 'timeframe', seq
FROM execution.journal
WHERE account_id = %(account_id)s AND kind = 'session_opened'
ORDER BY seq DESC
LIMIT 1

-- name: status_last_event
SELECT seq, at_ns FROM execution.journal
WHERE account_id = %(account_id)s
ORDER BY seq DESC
LIMIT 1

-- name: status_decided
SELECT at_ns, payload FROM execution.journal
WHERE account_id = %(account_id)s AND kind = 'decided'
ORDER BY seq DESC
LIMIT 1

-- Shares are what counts, not the status: a late fill may leave some of an entry that was closed.
-- name: status_positions
SELECT entry_id, symbol, side::TEXT, quantity::BIGINT, avg_price, mark, unrealized_pnl
FROM execution.positions
WHERE account_id = %(account_id)s AND quantity <> 0
ORDER BY symbol, entry_id

-- name: status_orders
SELECT client_order_id, symbol, side::TEXT, coalesce(role::TEXT, purpose, 'unknown'),
    order_type::TEXT, quantity::BIGINT, filled_quantity::BIGINT,
    coalesce(stop_price, limit_price), status::TEXT, coalesce(submitted_at, created_at)
FROM execution.orders
WHERE account_id = %(account_id)s
    AND status NOT IN ('filled', 'canceled', 'expired', 'replaced', 'rejected')
ORDER BY symbol, client_order_id

-- name: status_balance
SELECT balance FROM execution.balance_history
WHERE account_id = %(account_id)s
ORDER BY seq DESC, place DESC
LIMIT 1

-- A fill on the other side than its position's is an exit; fees of both sides count.
-- name: status_realised
SELECT coalesce(sum(
    CASE
        WHEN f.side = p.side THEN 0
        WHEN p.side = 'buy' THEN (f.price - p.avg_price) * f.quantity
        ELSE (p.avg_price - f.price) * f.quantity
    END - f.fee
), 0)
FROM execution.fills f
JOIN execution.positions p USING (account_id, entry_id)
WHERE f.account_id = %(account_id)s AND f.filled_ns >= %(from_ns)s

-- name: status_cycles
SELECT status::TEXT, count(*)
FROM strategy_engine.trading_cycles
WHERE account_id = %(account_id)s AND asof_ns >= %(from_ns)s
GROUP BY status

-- The 50 are chosen less often than the rest, so each stage has a last time of its own.
-- name: status_funnel
WITH last AS (
    SELECT stage, max(decided_at) AS decided_at
    FROM strategy_engine.trading_candidates
    WHERE account_id = %(account_id)s AND decided_at >= public.instant_of(%(from_ns)s)
    GROUP BY stage
)
SELECT stage, decided_at, passed, reason, count(*),
    array_agg(symbol ORDER BY catalyst_score DESC NULLS LAST, symbol)
FROM strategy_engine.trading_candidates
JOIN last USING (stage, decided_at)
WHERE account_id = %(account_id)s
GROUP BY stage, decided_at, passed, reason
ORDER BY stage DESC, count(*) DESC, reason

-- name: status_alerts
SELECT rule, subject, severity::TEXT, text, value, threshold, first_at, last_at, times, over
FROM notification.alerts
WHERE account_id = %(account_id)s AND NOT acknowledged
ORDER BY over, severity DESC, last_at DESC
LIMIT 50

-- name: status_acknowledge
UPDATE notification.alerts
SET acknowledged = TRUE, acknowledged_at = CURRENT_TIMESTAMP, acknowledged_by = %(by)s
WHERE account_id = %(account_id)s AND NOT acknowledged

-- name: status_events
SELECT kind, at_ns, payload FROM execution.journal
WHERE account_id = %(account_id)s
    AND kind NOT IN ('inputs', 'cycle', 'order', 'answered', 'decided')
    AND NOT (kind = 'intent' AND payload ->> 'purpose' IN ('protect', 'cancel', 'replace'))
    -- An instant that was missed says so itself.
    AND NOT (kind = 'alert' AND payload ->> 'rule' = 'missed_cycle')
ORDER BY seq DESC
LIMIT %(most)s
