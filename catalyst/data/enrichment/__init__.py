"""Enrichment: what is stored with an article so that the strategy need not read."""

from catalyst.data.enrichment.enrichment import Enriched, enrich
from catalyst.data.enrichment.identity import news_id
from catalyst.data.enrichment.sources import source_tier
from catalyst.data.enrichment.tables import enrichment_hash

__all__ = ["Enriched", "enrich", "enrichment_hash", "news_id", "source_tier"]
