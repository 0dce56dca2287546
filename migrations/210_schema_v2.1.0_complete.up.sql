-- What a new database begins with, and who may do what.

INSERT INTO strategy_engine.configuration (key, value, description) VALUES
    ('calendar', '"XNYS"', 'the exchange whose sessions are traded'),
    ('time_zone', '"America/New_York"', 'in which people are shown times'),
    ('currency', '"USD"', 'of all money');

INSERT INTO strategy_engine.trading_schedule_config
    (mode, market_state, opens, closes, description)
VALUES
    ('aggressive', 'pre_market', '04:00', '09:30', 'before the open'),
    ('normal', 'regular', '09:30', '16:00', 'regular hours, shorter on half days'),
    ('light', 'after_hours', '16:00', '20:00', 'after the close');

-- Roles without login, one a service: a user is made a member of what it is to do. They belong to
-- the whole cluster, so they are made where this user may, and where nobody has yet.
DO $$
DECLARE
    role TEXT;
    roles CONSTANT TEXT[] := ARRAY[
        'catalyst_news', 'catalyst_scanner', 'catalyst_pattern', 'catalyst_technical',
        'catalyst_trading', 'catalyst_coordination', 'catalyst_reporting', 'catalyst_dashboard'
    ];
    schemas CONSTANT TEXT :=
        'data_ingestion, strategy_engine, execution, risk_management, analytics, notification, '
        'logging, public';
BEGIN
    FOREACH role IN ARRAY roles LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'roles are left out: this user may not make any';
                RETURN;
        END;
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', schemas, role);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %s TO %I', schemas, role);
    END LOOP;

    GRANT INSERT ON data_ingestion.news_raw TO catalyst_news;
    GRANT INSERT, UPDATE ON data_ingestion.news_collection_stats, data_ingestion.source_metrics
        TO catalyst_news;
    GRANT INSERT ON strategy_engine.trading_candidates TO catalyst_scanner;
    GRANT INSERT ON strategy_engine.pattern_detections TO catalyst_pattern;
    GRANT INSERT ON strategy_engine.technical_indicators, strategy_engine.trading_signals
        TO catalyst_technical;
    GRANT INSERT, UPDATE ON strategy_engine.trading_cycles, logging.workflow_log,
        logging.service_health TO catalyst_coordination;

    -- The one process that trades writes all of it; the journal and the articles it only adds to.
    EXECUTE format('GRANT INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA %s TO %I',
        replace(schemas, ', public', ''), 'catalyst_trading');
    REVOKE UPDATE, DELETE, TRUNCATE ON execution.journal, data_ingestion.news_raw
        FROM catalyst_trading;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA execution, notification, logging TO catalyst_trading;
    GRANT EXECUTE ON FUNCTION public.ensure_partitions(TIMESTAMPTZ, TIMESTAMPTZ)
        TO catalyst_trading;

    -- Reporting reads. So does the dashboard, but that it may ask, and say that it has seen.
    GRANT INSERT (account_id, command, requested_by, arguments) ON execution.control_requests
        TO catalyst_dashboard;
    GRANT UPDATE (acknowledged, acknowledged_at, acknowledged_by) ON notification.alerts
        TO catalyst_dashboard;
END
$$;
