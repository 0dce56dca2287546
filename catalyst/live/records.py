"""The data functions by the names that the project's documents give them."""

from __future__ import annotations

from catalyst.live.record_reads import (
    calculate_portfolio_metrics,
    get_candidates_for_analysis,
    get_latest_indicators,
    get_open_positions,
    get_pattern_history,
    get_pending_signals,
    get_recent_news,
    get_signal_history,
    get_trade_history,
    news_collection_stats,
    news_with_outcomes,
)
from catalyst.live.record_writes import (
    insert_news_article,
    insert_news_collection,
    insert_pattern_detection,
    insert_technical_indicators,
    insert_trade_record,
    insert_trading_candidate,
    insert_trading_signal,
    mark_signal_executed,
    update_trade_exit,
)

__all__ = [
    "calculate_portfolio_metrics",
    "get_candidates_for_analysis",
    "get_latest_indicators",
    "get_open_positions",
    "get_pattern_history",
    "get_pending_signals",
    "get_recent_news",
    "get_signal_history",
    "get_trade_history",
    "insert_news_article",
    "insert_news_collection",
    "insert_pattern_detection",
    "insert_technical_indicators",
    "insert_trade_record",
    "insert_trading_candidate",
    "insert_trading_signal",
    "mark_signal_executed",
    "news_collection_stats",
    "news_with_outcomes",
    "update_trade_exit",
]
