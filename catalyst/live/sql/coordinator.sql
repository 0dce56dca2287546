-- name: cycles_begun
SELECT cycle_id, asof_ns, mode, owner, lease_until_ns
FROM strategy_engine.trading_cycles
WHERE account_id = %(account_id)s AND status = 'started'
ORDER BY asof_ns
