"""Step 204 of the schema: data_ingestion."""

from __future__ import annotations

from catalyst.live.schema_step import step

revision, down_revision = "204", "203"
upgrade, downgrade = step(204)
