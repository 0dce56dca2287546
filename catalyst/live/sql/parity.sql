-- What parity asks the journal beside its events.

-- name: parity_fills_before
SELECT (payload ->> 'fills_seq')::BIGINT
FROM execution.journal
WHERE account_id = %(account_id)s AND kind = 'decided' AND seq < %(seq)s
ORDER BY seq DESC
LIMIT 1

-- name: parity_closed_sessions
SELECT DISTINCT payload ->> 'day' AS day
FROM execution.journal
WHERE account_id = %(account_id)s AND kind = 'session_closed'
ORDER BY day DESC
