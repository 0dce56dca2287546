-- What has to be written through to the cache.

-- name: cache_events
SELECT seq, kind, CASE kind
    WHEN 'fill' THEN jsonb_build_array(payload -> 'symbol')
    WHEN 'decided' THEN (
        SELECT coalesce(jsonb_agg(DISTINCT one -> 'symbol'), '[]'::JSONB)
        FROM jsonb_array_elements(payload -> 'decision' -> 'signals') AS one
    )
    ELSE '[]'::JSONB
END
FROM execution.journal
WHERE account_id = %(account_id)s AND seq > %(after_seq)s
    AND kind IN ('decided', 'fill', 'inputs')
ORDER BY seq
LIMIT 500

-- name: cache_article
SELECT news_id, symbol, headline, source, tier, published_at, known_at, sentiment, categories,
    keywords, tickers, market_state, is_pre_market, breaking, cluster_id, cluster_rank, url, author,
    provider
FROM data_ingestion.news_raw
WHERE news_id = %(news_id)s AND known_ns <= %(now_ns)s
ORDER BY known_ns, symbol
