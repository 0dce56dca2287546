-- How the parts of a live process do, and where an account stands against its limits.

-- name: health_beat
INSERT INTO logging.service_health
    (account_id, service_name, status, why, host, pid, started_at, exchange_at, metadata)
VALUES (
    %(account_id)s, %(service_name)s, %(status)s, %(why)s, %(host)s, %(pid)s, CURRENT_TIMESTAMP,
    public.instant_of(%(exchange_ns)s), %(metadata)s::JSONB
)
ON CONFLICT (account_id, service_name) DO UPDATE SET
    status = excluded.status,
    why = excluded.why,
    host = excluded.host,
    -- Another process is another start.
    started_at = CASE WHEN service_health.pid = excluded.pid THEN service_health.started_at
        ELSE excluded.started_at END,
    pid = excluded.pid,
    last_heartbeat = CURRENT_TIMESTAMP,
    exchange_at = excluded.exchange_at,
    metadata = excluded.metadata

-- name: health_stop
UPDATE logging.service_health
SET status = 'stopped', why = '', last_heartbeat = CURRENT_TIMESTAMP
WHERE account_id = %(account_id)s

-- name: health_read
SELECT service_name, status, why, pid,
    extract(epoch FROM CURRENT_TIMESTAMP - last_heartbeat)::DOUBLE PRECISION AS age_s,
    public.ns_of(exchange_at) AS exchange_ns, metadata
FROM logging.service_health
WHERE account_id = %(account_id)s
ORDER BY service_name

-- name: limits_write
INSERT INTO risk_management.risk_limits
    (account_id, rule, threshold, current_value, reached, updated_at)
VALUES (%(account_id)s, %(rule)s, %(threshold)s, %(value)s, %(reached)s, public.instant_of(%(at_ns)s))
ON CONFLICT (account_id, rule) DO UPDATE SET
    threshold = excluded.threshold,
    current_value = excluded.current_value,
    reached = excluded.reached,
    updated_at = excluded.updated_at

-- name: limits_read
SELECT rule, current_value, threshold, reached
FROM risk_management.risk_limits
WHERE account_id = %(account_id)s
ORDER BY rule

-- name: position_limits_clear
DELETE FROM risk_management.position_limits WHERE account_id = %(account_id)s

-- name: position_limits_write
INSERT INTO risk_management.position_limits
    (account_id, symbol, max_value, current_value, updated_at)
VALUES (%(account_id)s, %(symbol)s, %(most)s, %(value)s, public.instant_of(%(at_ns)s))

-- name: position_limits_read
SELECT symbol, current_value, max_value
FROM risk_management.position_limits
WHERE account_id = %(account_id)s
ORDER BY symbol
