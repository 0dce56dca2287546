DROP VIEW data_ingestion.ingestion_status;
DROP TABLE data_ingestion.news_collection_stats;
DROP TABLE data_ingestion.source_metrics;
DROP TABLE data_ingestion.news_seen;
DELETE FROM public.partitioned_tables
WHERE name IN ('data_ingestion.market_data'::REGCLASS, 'data_ingestion.news_raw'::REGCLASS);
DROP TABLE data_ingestion.news_raw;
DROP TABLE data_ingestion.market_data;
DROP TABLE execution.accounts;
