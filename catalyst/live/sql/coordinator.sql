-- name: cycles_begun
SELECT cycle_id, asof_ns, mode, owner, lease_until_ns
FROM strategy_engine.trading_cycles
WHERE account_id = %(account_id)s AND status = 'started'
ORDER BY asof_ns

-- name: degraded_open
SELECT DISTINCT substr(rule, 10)
FROM notification.alerts
WHERE account_id = %(account_id)s AND rule LIKE 'degraded\_%%' AND subject = '' AND NOT over
ORDER BY 1
