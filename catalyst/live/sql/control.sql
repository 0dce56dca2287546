-- What people ask of the process that trades.

-- name: control_ask
INSERT INTO execution.control_requests (account_id, command, requested_by)
SELECT account_id, %(command)s::execution.control_command, %(by)s
FROM execution.accounts WHERE account_id = %(account_id)s
RETURNING request_id

-- name: control_pending
SELECT request_id, command::TEXT, requested_by
FROM execution.control_requests
WHERE account_id = %(account_id)s AND done_at IS NULL
ORDER BY request_id

-- name: control_done
UPDATE execution.control_requests
SET done_at = CURRENT_TIMESTAMP, answer = jsonb_build_object('text', %(answer)s::TEXT)
WHERE request_id = %(request_id)s AND done_at IS NULL

-- name: control_answer
SELECT answer ->> 'text'
FROM execution.control_requests
WHERE request_id = %(request_id)s AND done_at IS NOT NULL

-- name: control_close_flattens
UPDATE execution.control_requests
SET done_at = CURRENT_TIMESTAMP, answer = jsonb_build_object('text', %(answer)s::TEXT)
WHERE account_id = %(account_id)s AND command = 'flatten' AND done_at IS NULL
