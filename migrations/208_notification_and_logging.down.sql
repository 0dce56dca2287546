DELETE FROM public.partitioned_tables WHERE name = 'logging.system_logs'::REGCLASS;
DROP TABLE logging.system_logs;
DROP TABLE logging.service_health;
DROP TABLE logging.workflow_log;
DROP TABLE notification.alerts;
