"""Step 206 of the schema: execution."""

from __future__ import annotations

from catalyst.live.schema_step import step

revision, down_revision = "206", "205"
upgrade, downgrade = step(206)
