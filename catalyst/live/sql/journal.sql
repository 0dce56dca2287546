-- The journal itself: its lock, its end, its rows.

-- name: journal_account
INSERT INTO execution.accounts (account_id) VALUES (%(account_id)s) ON CONFLICT DO NOTHING

-- name: journal_lock
SELECT pg_advisory_lock(hashtextextended('catalyst journal ' || %(account_id)s::TEXT, 0))

-- A lock on one BIGINT shows as two halves.
-- name: journal_is_held
SELECT EXISTS (
    SELECT FROM pg_locks, hashtextextended('catalyst journal ' || %(account_id)s::TEXT, 0) AS key
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid::BIGINT = (key >> 32) & 4294967295
        AND objid::BIGINT = key & 4294967295
)

-- name: journal_head
SELECT seq, hash FROM execution.journal
WHERE account_id = %(account_id)s
ORDER BY seq DESC
LIMIT 1

-- name: journal_append
INSERT INTO execution.journal (account_id, seq, kind, at_ns, asof_ns, body, prev_hash, hash)
VALUES (
    %(account_id)s, %(seq)s, %(kind)s, %(at_ns)s, %(asof_ns)s, %(body)s, %(prev_hash)s, %(hash)s
)

-- name: journal_events
SELECT seq, kind, at_ns, body, hash FROM execution.journal
WHERE account_id = %(account_id)s AND seq > %(after_seq)s
    AND seq < coalesce(%(until_seq)s::BIGINT, 9223372036854775807)
    AND (cardinality(%(kinds)s::TEXT[]) = 0 OR kind = ANY (%(kinds)s))
ORDER BY seq
LIMIT %(limit)s

-- name: journal_openings
SELECT seq, payload ->> 'day' FROM execution.journal
WHERE account_id = %(account_id)s AND kind = 'session_opened'
ORDER BY seq

-- name: journal_last_of_kind
SELECT seq, kind, at_ns, body, hash FROM execution.journal
WHERE account_id = %(account_id)s AND kind = %(kind)s
ORDER BY seq DESC
LIMIT 1

-- name: journal_all_of_kind
SELECT seq, kind, at_ns, body, hash FROM execution.journal
WHERE account_id = %(account_id)s AND kind = %(kind)s AND seq > %(after_seq)s
ORDER BY seq

-- A flatten is a pause, too: what was closed by hand is not opened again before a resume.
-- name: journal_last_control
SELECT CASE payload ->> 'command' WHEN 'resume' THEN 'resume' ELSE 'pause' END
FROM execution.journal
WHERE account_id = %(account_id)s AND kind = 'control'
    AND payload ->> 'command' IN ('pause', 'resume', 'flatten')
ORDER BY seq DESC
LIMIT 1

-- From where on a start has to read: the first request of anything that is not over.
-- name: journal_floor
SELECT min(o.intent_seq)
FROM execution.orders o
LEFT JOIN execution.positions p USING (account_id, entry_id)
WHERE o.account_id = %(account_id)s AND (
    o.status NOT IN ('filled', 'canceled', 'expired', 'replaced', 'rejected')
    OR p.status <> 'closed' OR p.quantity <> 0
)

-- Of earlier sessions only what belongs to an order or an entry that is not over. Not cancels: one
-- that was written may never have been sent, and is asked for again.
-- name: journal_in_the_air
WITH alive AS (
    SELECT o.client_order_id, o.entry_id
    FROM execution.orders o
    LEFT JOIN execution.positions p USING (account_id, entry_id)
    WHERE o.account_id = %(account_id)s AND (
        o.status NOT IN ('filled', 'canceled', 'expired', 'replaced', 'rejected')
        OR p.status <> 'closed' OR p.quantity <> 0
    )
)
SELECT seq, kind, at_ns, body, hash FROM execution.journal
WHERE account_id = %(account_id)s
    AND kind = ANY (%(kinds)s::TEXT[])
    AND seq >= %(floor_seq)s
    AND payload ->> 'purpose' IS DISTINCT FROM 'cancel'
    AND (
        seq >= %(since_seq)s
        OR payload ->> 'client_order_id' IN (SELECT client_order_id FROM alive)
        OR payload ->> 'entry_id' IN (SELECT entry_id FROM alive)
    )
ORDER BY seq

-- name: journal_partitions
SELECT public.ensure_partitions(public.instant_of(%(first_ns)s), public.instant_of(%(last_ns)s))
