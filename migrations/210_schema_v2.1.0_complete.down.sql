-- A role that another database of the cluster still uses stays.
DO $$
DECLARE
    role TEXT;
BEGIN
    FOREACH role IN ARRAY ARRAY[
        'catalyst_news', 'catalyst_scanner', 'catalyst_pattern', 'catalyst_technical',
        'catalyst_trading', 'catalyst_coordination', 'catalyst_reporting', 'catalyst_dashboard'
    ] LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role);
        BEGIN
            EXECUTE format('DROP OWNED BY %I', role);
            EXECUTE format('DROP ROLE %I', role);
        EXCEPTION
            WHEN dependent_objects_still_exist OR insufficient_privilege OR undefined_object THEN
                NULL;
        END;
    END LOOP;
END
$$;

DELETE FROM strategy_engine.trading_schedule_config;
DELETE FROM strategy_engine.configuration;
