"""Step 208 of the schema: notification_and_logging."""

from __future__ import annotations

from catalyst.live.schema_step import step

revision, down_revision = "208", "207"
upgrade, downgrade = step(208)
