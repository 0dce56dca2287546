"""Step 207 of the schema: risk_management."""

from __future__ import annotations

from catalyst.live.schema_step import step

revision, down_revision = "207", "206"
upgrade, downgrade = step(207)
