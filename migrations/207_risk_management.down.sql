DROP TABLE risk_management.position_limits;
DROP TABLE risk_management.risk_events;
DROP TABLE risk_management.risk_limits;
