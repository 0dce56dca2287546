-- Everything of an account that follows from its journal, thrown away to be made again.

-- Constraints between these are looked at when all of them are gone.
-- name: rebuild_clear
WITH
    trades AS (DELETE FROM execution.trade_records WHERE account_id = %(account_id)s),
    balances AS (DELETE FROM execution.balance_history WHERE account_id = %(account_id)s),
    fills AS (DELETE FROM execution.fills WHERE account_id = %(account_id)s),
    orders AS (DELETE FROM execution.orders WHERE account_id = %(account_id)s),
    positions AS (DELETE FROM execution.positions WHERE account_id = %(account_id)s),
    portfolio AS (DELETE FROM execution.portfolio_status WHERE account_id = %(account_id)s),
    candidates AS (
        DELETE FROM strategy_engine.trading_candidates WHERE account_id = %(account_id)s
    ),
    patterns AS (
        DELETE FROM strategy_engine.pattern_detections WHERE account_id = %(account_id)s
    ),
    indicators AS (
        DELETE FROM strategy_engine.technical_indicators WHERE account_id = %(account_id)s
    ),
    signals AS (DELETE FROM strategy_engine.trading_signals WHERE account_id = %(account_id)s),
    cycles AS (DELETE FROM strategy_engine.trading_cycles WHERE account_id = %(account_id)s),
    sources AS (DELETE FROM data_ingestion.source_metrics WHERE account_id = %(account_id)s),
    risks AS (DELETE FROM risk_management.risk_events WHERE account_id = %(account_id)s),
    log AS (DELETE FROM logging.workflow_log WHERE account_id = %(account_id)s),
    alerts AS (DELETE FROM notification.alerts WHERE account_id = %(account_id)s)
DELETE FROM execution.projection_watermarks WHERE account_id = %(account_id)s

-- What people acknowledged is theirs, and in no journal.
-- name: rebuild_acknowledged
SELECT first_seq, acknowledged_at, acknowledged_by FROM notification.alerts
WHERE account_id = %(account_id)s AND acknowledged

-- name: rebuild_acknowledge
UPDATE notification.alerts
SET acknowledged = TRUE, acknowledged_at = %(acknowledged_at)s,
    acknowledged_by = %(acknowledged_by)s
WHERE account_id = %(account_id)s AND first_seq = %(first_seq)s
