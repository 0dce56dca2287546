"""Step 209 of the schema: reading."""

from __future__ import annotations

from catalyst.live.schema_step import step

revision, down_revision = "209", "208"
upgrade, downgrade = step(209)
