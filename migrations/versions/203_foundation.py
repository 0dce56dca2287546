"""Step 203 of the schema: foundation."""

from __future__ import annotations

from catalyst.live.schema_step import step

revision, down_revision = "203", None
upgrade, downgrade = step(203)
