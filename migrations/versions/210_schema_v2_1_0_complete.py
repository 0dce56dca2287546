"""Step 210 of the schema: schema_v2.1.0_complete."""

from __future__ import annotations

from catalyst.live.schema_step import step

revision, down_revision = "210", "209"
upgrade, downgrade = step(210)
