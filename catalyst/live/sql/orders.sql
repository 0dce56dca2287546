-- Orders, fills, positions, cash, cycles and alerts, in the transaction of the event that says so.

-- name: orders_open_position
INSERT INTO execution.positions
    (account_id, entry_id, signal_id, symbol, side, status, last_updated, seq)
VALUES (
    %(account_id)s, %(entry_id)s, %(signal_id)s, %(symbol)s, %(side)s::execution.order_side,
    'working', public.instant_of(%(at_ns)s), %(seq)s
)
ON CONFLICT (account_id, entry_id) DO UPDATE SET
    status = CASE WHEN positions.status = 'closed' THEN 'working' ELSE positions.status END,
    closed_at = NULL,
    last_updated = excluded.last_updated,
    seq = excluded.seq

-- A replace says its new price alone; the rest is that of the order replaced.
-- name: orders_intend
INSERT INTO execution.orders (
    account_id, client_order_id, order_id, order_ids, entry_id, signal_id, leg, symbol, side, role,
    purpose, order_type, order_class, time_in_force, extended_hours, status, quantity, limit_price,
    stop_price, replaces, intent_seq, created_at, updated_at, metadata
)
SELECT %(account_id)s, %(client_order_id)s, %(order_id)s, %(order_ids)s,
    (
        SELECT entry_id FROM execution.positions
        WHERE account_id = %(account_id)s AND entry_id = %(entry_id)s
    ),
    %(signal_id)s, %(leg)s, %(symbol)s, coalesce(%(side)s::execution.order_side, o.side),
    %(role)s::execution.order_role, %(purpose)s,
    coalesce(%(order_type)s::execution.order_type, o.order_type),
    coalesce(%(order_class)s, o.order_class), coalesce(%(time_in_force)s, o.time_in_force),
    coalesce(%(extended_hours)s, o.extended_hours, FALSE), 'unknown',
    coalesce(%(quantity)s::NUMERIC, nullif(o.quantity - o.filled_quantity, 0), o.quantity),
    coalesce(%(limit_price)s::NUMERIC, o.limit_price),
    coalesce(%(stop_price)s::NUMERIC, o.stop_price), %(replaces)s, %(seq)s,
    public.instant_of(%(at_ns)s), public.instant_of(%(at_ns)s), %(metadata)s::JSONB
FROM (SELECT 1) AS one
LEFT JOIN execution.orders o ON o.account_id = %(account_id)s AND o.broker_id = %(replaces)s
ON CONFLICT (account_id, client_order_id) DO UPDATE SET
    status = CASE WHEN orders.broker_id IS NULL THEN 'unknown' ELSE orders.status END,
    refusal = NULL,
    updated_at = excluded.updated_at

-- name: orders_served
SELECT metadata -> 'serves', entry_id FROM execution.orders
WHERE account_id = %(account_id)s AND client_order_id = %(client_order_id)s

-- name: orders_told
INSERT INTO execution.orders (
    account_id, client_order_id, broker_id, parent_id, order_id, entry_id, signal_id, leg, symbol,
    side, role, order_type, order_class, time_in_force, extended_hours, status, quantity,
    filled_quantity, limit_price, stop_price, average_fill_price, replaced_by, replaces, known_seq,
    submitted_at, created_at, updated_at
)
SELECT %(account_id)s, %(client_order_id)s, %(broker_id)s, %(parent_id)s, %(order_id)s,
    (
        SELECT entry_id FROM execution.positions
        WHERE account_id = %(account_id)s AND entry_id = %(entry_id)s
    ),
    s.signal_id, (s.serves -> 'leg')::SMALLINT, %(symbol)s, %(side)s::execution.order_side,
    (s.serves ->> 'role')::execution.order_role, %(order_type)s::execution.order_type,
    %(order_class)s, %(time_in_force)s, %(extended_hours)s,
    %(status)s::execution.order_status, %(quantity)s::NUMERIC, %(filled)s::NUMERIC,
    %(limit_price)s::NUMERIC, %(stop_price)s::NUMERIC, %(average_price)s::NUMERIC, %(replaced_by)s,
    %(replaces)s, %(seq)s, public.instant_of(%(submitted_ns)s), public.instant_of(%(at_ns)s),
    public.instant_of(%(updated_ns)s)
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
    SELECT signal_id, metadata -> 'serves' -> %(order_id)s::TEXT AS serves
    FROM execution.orders
    WHERE account_id = %(account_id)s AND entry_id = %(entry_id)s
        AND %(order_id)s::TEXT = ANY (order_ids)
    ORDER BY intent_seq
    LIMIT 1
) AS s ON TRUE
ON CONFLICT (account_id, client_order_id) DO UPDATE SET
    broker_id = excluded.broker_id,
    parent_id = coalesce(excluded.parent_id, orders.parent_id),
    order_id = coalesce(excluded.order_id, orders.order_id),
    leg = coalesce(excluded.leg, orders.leg),
    role = coalesce(excluded.role, orders.role),
    order_type = excluded.order_type,
    status = excluded.status,
    quantity = greatest(excluded.quantity, excluded.filled_quantity, orders.filled_quantity),
    filled_quantity = greatest(excluded.filled_quantity, orders.filled_quantity),
    limit_price = excluded.limit_price,
    stop_price = excluded.stop_price,
    average_fill_price = coalesce(excluded.average_fill_price, orders.average_fill_price),
    replaced_by = coalesce(excluded.replaced_by, orders.replaced_by),
    replaces = coalesce(excluded.replaces, orders.replaces),
    refusal = NULL,
    known_seq = excluded.known_seq,
    submitted_at = coalesce(orders.submitted_at, excluded.submitted_at),
    updated_at = excluded.updated_at

-- name: orders_answered
UPDATE execution.orders SET outcome_seq = %(seq)s
WHERE account_id = %(account_id)s AND client_order_id = %(client_order_id)s

-- name: orders_refused
UPDATE execution.orders
SET status = CASE WHEN broker_id IS NULL THEN 'rejected' ELSE status END,
    refusal = %(refusal)s, outcome_seq = %(seq)s, updated_at = public.instant_of(%(at_ns)s)
WHERE account_id = %(account_id)s AND client_order_id = %(client_order_id)s
RETURNING entry_id

-- An order that is not ours, by which a person closed a position: it is known by its fills alone.
-- name: orders_stranger
INSERT INTO execution.orders (
    account_id, client_order_id, broker_id, order_id, entry_id, symbol, side, role, order_type,
    status, quantity, filled_quantity, average_fill_price, known_seq, created_at, updated_at
)
SELECT %(account_id)s, %(broker_id)s, %(broker_id)s, %(order_id)s, %(entry_id)s, %(symbol)s,
    %(side)s::execution.order_side, %(role)s::execution.order_role, 'market', 'filled',
    %(quantity)s, %(quantity)s, %(price)s::NUMERIC, %(seq)s, public.instant_of(%(filled_ns)s),
    public.instant_of(%(at_ns)s)
ON CONFLICT (account_id, client_order_id) DO UPDATE SET
    quantity = orders.quantity + excluded.quantity,
    filled_quantity = orders.filled_quantity + excluded.filled_quantity,
    updated_at = excluded.updated_at

-- A fill tells its order's id, which for a leg the broker gave.
-- name: orders_fill
INSERT INTO execution.fills (
    account_id, fill_id, client_order_id, broker_id, execution_id, order_id, entry_id, symbol, side,
    role, quantity, price, fee, filled_ns, seq
)
SELECT %(account_id)s, %(fill_id)s,
    coalesce(
        (
            SELECT client_order_id FROM execution.orders
            WHERE account_id = %(account_id)s AND broker_id = %(broker_id)s
        ),
        %(client_order_id)s
    ),
    %(broker_id)s, %(execution_id)s, %(order_id)s, %(entry_id)s, %(symbol)s,
    %(side)s::execution.order_side, %(role)s::execution.order_role, %(quantity)s,
    %(price)s::NUMERIC, %(fee)s::NUMERIC, %(filled_ns)s, %(seq)s

-- Shares that come in bring their cost; shares that leave take their part of it with them, rounded
-- to the micro-dollar, and the last ones all that is left: profit adds up exactly.
-- name: orders_book
WITH before AS (
    SELECT quantity AS held, cost_basis AS cost,
        CASE side WHEN 'buy' THEN 1 ELSE -1 END AS sign,
        CASE %(side)s::TEXT WHEN 'buy' THEN %(quantity)s::NUMERIC ELSE -%(quantity)s::NUMERIC END
            AS moved,
        %(price)s::NUMERIC * %(quantity)s::NUMERIC AS worth
    FROM execution.positions
    WHERE account_id = %(account_id)s AND entry_id = %(entry_id)s
), booked AS (
    SELECT held + moved AS held,
        CASE WHEN sign * moved > 0 OR held = 0 THEN 0
            WHEN held + moved = 0 THEN cost
            ELSE round(cost * -moved / held, 6)
        END AS gone,
        CASE WHEN sign * moved > 0 OR held = 0 THEN worth ELSE 0 END AS come,
        sign, moved, worth, cost
    FROM before
)
UPDATE execution.positions p
SET quantity = b.held,
    cost_basis = b.cost + b.come - b.gone,
    avg_price = CASE WHEN b.come > 0 AND b.held <> 0
        THEN round((b.cost + b.come) / abs(b.held), 6) ELSE p.avg_price END,
    realized_pnl = p.realized_pnl - %(fee)s::NUMERIC
        + CASE WHEN b.come > 0 THEN 0 ELSE b.sign * (b.worth - b.gone) END,
    fees = p.fees + %(fee)s::NUMERIC,
    status = (CASE
        WHEN p.status <> 'closed' THEN 'open'
        WHEN EXISTS (
            SELECT FROM execution.positions o
            WHERE o.account_id = p.account_id AND o.symbol = p.symbol AND o.status <> 'closed'
        ) THEN 'closed'
        ELSE 'open'
    END)::execution.position_status,
    opened_at = coalesce(p.opened_at, public.instant_of(%(filled_ns)s)),
    closed_at = NULL,
    mark = coalesce(p.mark, %(price)s::NUMERIC),
    market_value = b.held * coalesce(p.mark, %(price)s::NUMERIC),
    unrealized_pnl = b.held * coalesce(p.mark, %(price)s::NUMERIC)
        - b.sign * (b.cost + b.come - b.gone),
    last_updated = public.instant_of(%(at_ns)s),
    seq = %(seq)s
FROM booked b
WHERE p.account_id = %(account_id)s AND p.entry_id = %(entry_id)s

-- Flat, and nothing can come any more: each entry order is final and all it filled is booked.
-- name: orders_settle
UPDATE execution.positions p
SET status = 'closed', closed_at = public.instant_of(%(at_ns)s),
    last_updated = public.instant_of(%(at_ns)s), seq = %(seq)s
WHERE p.account_id = %(account_id)s AND p.entry_id = %(entry_id)s
    AND p.status <> 'closed' AND p.quantity = 0
    AND NOT EXISTS (
        SELECT FROM execution.orders o
        WHERE o.account_id = p.account_id AND o.entry_id = p.entry_id AND o.role = 'entry'
            AND (
                o.status NOT IN ('filled', 'canceled', 'expired', 'replaced', 'rejected')
                OR o.filled_quantity > (
                    SELECT coalesce(sum(f.quantity), 0) FROM execution.fills f
                    WHERE f.account_id = o.account_id AND f.broker_id = o.broker_id
                )
            )
    )

-- name: orders_mark
UPDATE execution.positions p
SET mark = m.mark, market_value = p.quantity * m.mark,
    unrealized_pnl = p.quantity * m.mark
        - CASE p.side WHEN 'buy' THEN p.cost_basis ELSE -p.cost_basis END,
    last_updated = public.instant_of(%(at_ns)s), seq = %(seq)s
FROM (
    SELECT unnest(%(symbols)s::TEXT[]) AS symbol, unnest(%(marks)s::NUMERIC[]) AS mark
) AS m
WHERE p.account_id = %(account_id)s AND p.status = 'open' AND p.symbol = m.symbol

-- A split changes shares, and pays for the fraction that is left; a dividend only pays.
-- name: orders_adjust
UPDATE execution.positions p
SET quantity = %(after)s::NUMERIC,
    cost_basis = p.cost_basis - a.gone,
    avg_price = CASE WHEN %(after)s::NUMERIC <> 0
        THEN round((p.cost_basis - a.gone) / abs(%(after)s::NUMERIC), 6) ELSE p.avg_price END,
    realized_pnl = p.realized_pnl + %(cash)s::NUMERIC
        - CASE p.side WHEN 'buy' THEN a.gone ELSE -a.gone END,
    mark = CASE WHEN %(kind)s::TEXT = 'split' THEN round(p.mark / %(value)s::NUMERIC, 6)
        ELSE p.mark END,
    last_updated = public.instant_of(%(at_ns)s),
    seq = %(seq)s
FROM (
    SELECT entry_id,
        CASE WHEN %(kind)s::TEXT <> 'split' OR %(before)s::NUMERIC = 0 THEN 0
            WHEN %(after)s::NUMERIC = 0 THEN cost_basis
            WHEN %(cash)s::NUMERIC = 0 THEN 0
            ELSE round(cost_basis * (1 - %(after)s::NUMERIC
                / (%(before)s::NUMERIC * %(value)s::NUMERIC)), 6)
        END AS gone
    FROM execution.positions
    WHERE account_id = %(account_id)s AND entry_id = %(entry_id)s
) AS a
WHERE p.account_id = %(account_id)s AND p.entry_id = a.entry_id

-- name: orders_opening_cash
UPDATE execution.accounts SET initial_cash = %(cash)s::NUMERIC
WHERE account_id = %(account_id)s AND NOT EXISTS (
    SELECT FROM execution.balance_history WHERE account_id = %(account_id)s
)

-- name: orders_opening_balance
INSERT INTO execution.balance_history
    (account_id, transaction_id, kind, amount, balance, at, seq, description)
SELECT %(account_id)s, 'opening', 'opening', %(cash)s::NUMERIC, %(cash)s::NUMERIC,
    public.instant_of(%(at_ns)s), %(seq)s, 'cash at the first session'
WHERE NOT EXISTS (SELECT FROM execution.balance_history WHERE account_id = %(account_id)s)

-- name: orders_transact
INSERT INTO execution.balance_history (
    account_id, transaction_id, kind, amount, balance, at, symbol, entry_id, fill_id, seq, place,
    description
)
SELECT %(account_id)s, %(transaction_id)s, %(kind)s::execution.transaction_kind,
    %(amount)s::NUMERIC,
    %(amount)s::NUMERIC + coalesce(
        (
            SELECT balance FROM execution.balance_history
            WHERE account_id = %(account_id)s
            ORDER BY seq DESC, place DESC
            LIMIT 1
        ),
        0
    ),
    public.instant_of(%(at_ns)s), %(symbol)s, %(entry_id)s, %(fill_id)s, %(seq)s, %(place)s,
    %(description)s

-- name: orders_cycle
INSERT INTO strategy_engine.trading_cycles (
    account_id, cycle_id, asof_ns, mode, status, owner, lease_until_ns, started_at, ended_at,
    stages_ms, why, seq
) VALUES (
    %(account_id)s, %(cycle_id)s, %(asof_ns)s, %(mode)s,
    %(status)s::strategy_engine.cycle_status, %(owner)s, %(lease_until_ns)s,
    public.instant_of(%(at_ns)s),
    CASE WHEN %(status)s::TEXT <> 'started' THEN public.instant_of(%(at_ns)s) END,
    %(stages_ms)s::JSONB, %(why)s, %(seq)s
)
ON CONFLICT (account_id, cycle_id) DO UPDATE SET
    mode = excluded.mode,
    status = excluded.status,
    owner = excluded.owner,
    lease_until_ns = excluded.lease_until_ns,
    ended_at = excluded.ended_at,
    stages_ms = excluded.stages_ms,
    why = excluded.why

-- name: orders_alert
INSERT INTO notification.alerts (
    account_id, rule, subject, severity, text, value, threshold, first_at, last_at, over,
    first_seq, last_seq
) VALUES (
    %(account_id)s, %(rule)s, %(subject)s, %(severity)s::notification.severity, %(text)s,
    %(value)s, %(threshold)s, public.instant_of(%(at_ns)s), public.instant_of(%(at_ns)s), FALSE,
    %(seq)s, %(seq)s
)
ON CONFLICT (account_id, rule, subject) WHERE NOT over DO UPDATE SET
    severity = excluded.severity,
    text = excluded.text,
    value = excluded.value,
    threshold = excluded.threshold,
    last_at = greatest(alerts.last_at, excluded.last_at),
    last_seq = excluded.last_seq,
    times = alerts.times + 1

-- name: orders_alert_over
UPDATE notification.alerts
SET over = TRUE, last_at = greatest(last_at, public.instant_of(%(at_ns)s)), last_seq = %(seq)s
WHERE account_id = %(account_id)s AND rule = %(rule)s AND subject = %(subject)s AND NOT over

-- Given up: what never reached the broker will not, as far as anyone asks for it again.
-- name: orders_withhold
UPDATE execution.orders
SET status = 'rejected', rule = %(rule)s, value = %(value)s, threshold = %(threshold)s,
    outcome_seq = %(seq)s, updated_at = public.instant_of(%(at_ns)s)
WHERE account_id = %(account_id)s AND entry_id = %(entry_id)s AND %(order_id)s = ANY (order_ids)
    AND role = 'entry' AND broker_id IS NULL

-- The answer to a replace tells of the new order only.
-- name: orders_replace
UPDATE execution.orders
SET status = 'replaced', replaced_by = %(broker_id)s, updated_at = public.instant_of(%(at_ns)s)
WHERE account_id = %(account_id)s AND broker_id = %(replaces)s
    AND status NOT IN ('filled', 'canceled', 'expired', 'replaced', 'rejected')
