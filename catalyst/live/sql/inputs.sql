-- Bars and articles that decisions took in.

-- name: inputs_copy_bars
COPY data_ingestion.market_data (
    account_id, timeframe, symbol, ts, open, high, low, close, volume, source, adjusted, known_ns,
    seq, place
) FROM STDIN (FORMAT BINARY)

-- name: inputs_bars
SELECT seq, timeframe, symbol, public.ns_of(ts), open, high, low, close, volume, adjusted, source,
    known_ns
FROM data_ingestion.market_data
WHERE account_id = %(account_id)s AND seq BETWEEN %(first_seq)s AND %(last_seq)s
ORDER BY seq, place

-- The same article, symbol and instant is the same row, whoever saw it first.
-- name: insert_news_article
INSERT INTO data_ingestion.news_raw (
    news_id, symbol, known_ns, published_ns, known_is_assumed, headline, url, author, provider,
    source, tier, categories, keywords, tickers, sentiment, market_state, breaking, cluster_id,
    cluster_rank, cluster_sources, confirmed_by, confirm_minutes, coordination, raw, link, id,
    retweet_of_id, collected_at
) VALUES (
    %(news_id)s, %(symbol)s, %(known_ns)s, %(published_ns)s, %(known_is_assumed)s, %(headline)s,
    %(url)s, %(author)s, %(provider)s, %(source)s, %(tier)s, %(categories)s, %(keywords)s,
    %(tickers)s, %(sentiment)s, %(market_state)s, %(breaking)s, %(cluster_id)s, %(cluster_rank)s,
    %(cluster_sources)s, %(confirmed_by)s, %(confirm_minutes)s, %(coordination)s, %(raw)s,
    %(link)s, %(id)s, %(retweet_of_id)s, public.instant_of(%(known_ns)s)
)
ON CONFLICT DO NOTHING

-- name: inputs_see_article
INSERT INTO data_ingestion.news_seen (account_id, news_id, symbol, known_ns, seq, place, told)
VALUES (%(account_id)s, %(news_id)s, %(symbol)s, %(known_ns)s, %(seq)s, %(place)s, %(told)s)

-- name: inputs_news
SELECT s.seq, s.told
FROM data_ingestion.news_seen s
WHERE s.account_id = %(account_id)s AND s.seq BETWEEN %(first_seq)s AND %(last_seq)s
ORDER BY s.seq, s.place
