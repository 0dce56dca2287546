-- name: log_partitions
SELECT public.ensure_partitions(CURRENT_TIMESTAMP, CURRENT_TIMESTAMP + INTERVAL '1 month')

-- name: log_write
INSERT INTO logging.system_logs (at, service, level, event, message, account_id, correlation_id)
VALUES (
    to_timestamp(%(at)s), %(service)s, %(level)s, %(event)s, %(message)s, %(account_id)s,
    %(correlation_id)s
)
