DROP TABLE execution.control_requests;
DROP TABLE execution.trade_records;
DROP TABLE execution.balance_history;
DELETE FROM public.partitioned_tables
WHERE name IN ('execution.portfolio_status'::REGCLASS, 'execution.journal'::REGCLASS);
DROP TABLE execution.portfolio_status;
DROP TABLE execution.fills;
DROP TABLE execution.orders;
DROP TABLE execution.positions;
DROP TABLE execution.projection_watermarks;
DROP TABLE execution.journal;
