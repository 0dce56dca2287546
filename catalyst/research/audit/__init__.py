"""Audits: whether a decision knew what it could not have known, and what it rests on."""

from catalyst.research.audit.lookahead import LookaheadAudit, audit_lookahead
from catalyst.research.audit.violations import Violation

__all__ = ["LookaheadAudit", "Violation", "audit_lookahead"]
