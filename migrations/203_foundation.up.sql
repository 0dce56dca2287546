-- Schemas by service, the types and functions that their tables share.

CREATE TABLE public.schema_migrations (
    version    INTEGER PRIMARY KEY,
    name       VARCHAR(255) NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE SCHEMA data_ingestion;
CREATE SCHEMA strategy_engine;
CREATE SCHEMA execution;
CREATE SCHEMA risk_management;
CREATE SCHEMA analytics;
CREATE SCHEMA notification;
CREATE SCHEMA logging;

CREATE TYPE execution.order_side AS ENUM ('buy', 'sell');
CREATE TYPE execution.order_type AS ENUM ('market', 'limit', 'stop', 'stop_limit');
-- The broker's words, and one of ours: nobody knows yet.
CREATE TYPE execution.order_status AS ENUM (
    'unknown', 'pending', 'held', 'accepted', 'partially_filled', 'pending_cancel', 'filled',
    'canceled', 'expired', 'replaced', 'rejected'
);
CREATE TYPE execution.order_role AS ENUM (
    'entry', 'stop', 'target_1', 'target_2', 'trailing_stop', 'news_reversal', 'time_stop',
    'flatten', 'manual'
);
CREATE TYPE execution.position_status AS ENUM ('working', 'open', 'closed');
CREATE TYPE execution.trade_status AS ENUM ('open', 'closed');
CREATE TYPE execution.control_command AS ENUM ('pause', 'resume', 'flatten', 'stop');
CREATE TYPE execution.transaction_kind AS ENUM (
    'opening', 'fill', 'fee', 'dividend', 'split', 'adjustment'
);
CREATE TYPE strategy_engine.strategy_status AS ENUM ('active', 'inactive', 'paused');
CREATE TYPE strategy_engine.cycle_status AS ENUM (
    'started', 'done', 'degraded', 'failed', 'missed'
);
CREATE TYPE strategy_engine.signal_type AS ENUM ('BUY', 'SELL', 'HOLD');
CREATE TYPE strategy_engine.signal_outcome AS ENUM ('intent', 'hold', 'refused');
CREATE TYPE strategy_engine.indicator_signal AS ENUM ('BUY', 'SELL', 'NEUTRAL');
CREATE TYPE notification.severity AS ENUM ('info', 'warning', 'error', 'critical');

-- Instants are kept to the nanosecond in BIGINT columns named _ns; beside each stands the same as
-- TIMESTAMPTZ, for people and for ranges. Quotients of whole microseconds are exact in a double.
CREATE FUNCTION public.instant_of(ns BIGINT) RETURNS TIMESTAMPTZ
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT to_timestamp(((ns - mod(mod(ns, 1000) + 1000, 1000)) / 1000) / 1000000.0) $$;

CREATE FUNCTION public.ns_of(at TIMESTAMPTZ) RETURNS BIGINT
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT (extract(epoch FROM at) * 1000000)::BIGINT * 1000 $$;

CREATE FUNCTION public.refuse_change() RETURNS TRIGGER
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;

-- Which tables grow without end, by what they are cut, and into what.
CREATE TABLE public.partitioned_tables (
    name        REGCLASS PRIMARY KEY,
    cut_by      TEXT NOT NULL CHECK (cut_by IN ('month', 'month_ns', 'rows')),
    append_only BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE FUNCTION public.make_partition(
    parent REGCLASS, suffix TEXT, lower_bound TEXT, upper_bound TEXT
) RETURNS BOOLEAN
LANGUAGE plpgsql
AS $$
DECLARE
    space TEXT;
    called TEXT;
    kept BOOLEAN;
BEGIN
    SELECT n.nspname, c.relname INTO space, called
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = parent;
    IF to_regclass(format('%I.%I', space, called || suffix)) IS NOT NULL THEN
        RETURN FALSE;
    END IF;
    -- Another session may have been about to make the same one; only a query is sure to see it.
    PERFORM pg_advisory_xact_lock(7210211);
    PERFORM FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = space AND c.relname = called || suffix;
    IF FOUND THEN
        RETURN FALSE;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)',
        space, called || suffix, parent, lower_bound, upper_bound
    );
    SELECT append_only INTO kept FROM public.partitioned_tables WHERE name = parent;
    IF kept THEN
        -- Triggers of rows come with the parent; those of TRUNCATE don't.
        EXECUTE format(
            'CREATE TRIGGER keep_all BEFORE TRUNCATE ON %I.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change()',
            space, called || suffix
        );
    END IF;
    RETURN TRUE;
END
$$;

-- Makes the partitions that rows between two instants need, and those of the next rows of the
-- journal; returns how many were missing. Whoever writes calls it ahead: without a partition an
-- insert fails, it never goes astray.
CREATE FUNCTION public.ensure_partitions(first TIMESTAMPTZ, last TIMESTAMPTZ) RETURNS INTEGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    made INTEGER := 0;
    listed RECORD;
    -- Months of UTC, whatever the session's zone is.
    month TIMESTAMP;
    until TIMESTAMP := date_trunc('month', last AT TIME ZONE 'UTC');
    begins TIMESTAMPTZ;
    ends TIMESTAMPTZ;
    block BIGINT;
    highest BIGINT;
    rows_each CONSTANT BIGINT := 250000;
BEGIN
    IF first > last THEN
        RAISE EXCEPTION 'partitions from % to % were asked for; expected the earlier first', first, last
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR listed IN SELECT name, cut_by FROM public.partitioned_tables ORDER BY name::TEXT LOOP
        IF listed.cut_by = 'rows' THEN
            EXECUTE format('SELECT coalesce(max(seq), 0) FROM %s', listed.name) INTO highest;
            FOR block IN 0 .. highest / rows_each + 1 LOOP
                made := made + public.make_partition(
                    listed.name, '_' || lpad(block::TEXT, 6, '0'),
                    (block * rows_each)::TEXT, ((block + 1) * rows_each)::TEXT
                )::INTEGER;
            END LOOP;
            CONTINUE;
        END IF;
        month := date_trunc('month', first AT TIME ZONE 'UTC');
        WHILE month <= until LOOP
            begins := month AT TIME ZONE 'UTC';
            ends := (month + INTERVAL '1 month') AT TIME ZONE 'UTC';
            made := made + CASE listed.cut_by
                WHEN 'month' THEN public.make_partition(
                    listed.name, to_char(month, '_YYYY_MM'), begins::TEXT, ends::TEXT
                )
                ELSE public.make_partition(
                    listed.name, to_char(month, '_YYYY_MM'),
                    public.ns_of(begins)::TEXT, public.ns_of(ends)::TEXT
                )
            END::INTEGER;
            month := month + INTERVAL '1 month';
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- It acts as the owner of the tables, so it is for those who are told.
REVOKE EXECUTE ON FUNCTION public.ensure_partitions(TIMESTAMPTZ, TIMESTAMPTZ) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION public.make_partition(REGCLASS, TEXT, TEXT, TEXT) FROM PUBLIC;
