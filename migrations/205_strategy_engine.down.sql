DROP TABLE strategy_engine.trading_schedule_config;
DROP TABLE strategy_engine.configuration;
DROP TABLE strategy_engine.trading_signals;
DELETE FROM public.partitioned_tables
WHERE name IN (
    'strategy_engine.technical_indicators'::REGCLASS,
    'strategy_engine.pattern_detections'::REGCLASS,
    'strategy_engine.trading_candidates'::REGCLASS
);
DROP TABLE strategy_engine.technical_indicators;
DROP TABLE strategy_engine.pattern_detections;
DROP TABLE strategy_engine.trading_candidates;
DROP TABLE strategy_engine.trading_cycles;
DROP TABLE strategy_engine.strategies;
