"""Step 205 of the schema: strategy_engine."""

from __future__ import annotations

from catalyst.live.schema_step import step

revision, down_revision = "205", "204"
upgrade, downgrade = step(205)
