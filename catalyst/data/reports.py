"""What an import did with every row it was given."""

from __future__ import annotations

from dataclasses import dataclass, field

from catalyst.errors import InvariantError


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Count the rows of one import; every row given is in exactly one of three counts.

    Attributes
    ----------
    table : str
        ``bars``, ``news``, ``actions`` or ``universe``.
    given, imported, duplicates, quarantined : int
        Rows given; those new to the lake; exact copies of stored rows; rejected rows, kept whole in
        the lake's quarantine. ``given = imported + duplicates + quarantined``.
    by_rule : dict of str to int
        Quarantined rows by the rule they broke, names ascending.
    notes : tuple of str
        What was guessed or ignored, one sentence each.
    links_added, links_dropped : int
        News only, outside the sum above: links to symbols that enrichment found in the text of the
        days it looked at, and wrong links of rows that also have a right one.

    Raises
    ------
    InvariantError
        If a row is missing from the sum, or `by_rule` does not add up.
    """

    table: str
    given: int
    imported: int
    duplicates: int
    quarantined: int
    by_rule: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    links_added: int = 0
    links_dropped: int = 0

    def __post_init__(self) -> None:
        if self.imported + self.duplicates + self.quarantined != self.given or (
            sum(self.by_rule.values()) != self.quarantined
        ):
            raise InvariantError(
                f"an import of {self.given} rows into {self.table} accounts for {self.imported} "
                f"imported, {self.duplicates} duplicate and {self.quarantined} quarantined ones "
                f"({self.by_rule}); expected the same sum; please report this as a bug"
            )

    def as_dict(self) -> dict[str, object]:
        """Give the report as JSON-ready values."""
        found: dict[str, object] = {
            "table": self.table,
            "given": self.given,
            "imported": self.imported,
            "duplicates": self.duplicates,
            "quarantined": self.quarantined,
            "by_rule": dict(sorted(self.by_rule.items())),
            "notes": list(self.notes),
        }
        if self.table == "news":
            found |= {"links_added": self.links_added, "links_dropped": self.links_dropped}
        return found


def total(reports: list[ImportReport], *, table: str) -> ImportReport:
    """Add up reports on one table; notes are kept once each, in order."""
    by_rule: dict[str, int] = {}
    for report in reports:
        for rule, count in report.by_rule.items():
            by_rule[rule] = by_rule.get(rule, 0) + count
    return ImportReport(
        table,
        given=sum(report.given for report in reports),
        imported=sum(report.imported for report in reports),
        duplicates=sum(report.duplicates for report in reports),
        quarantined=sum(report.quarantined for report in reports),
        by_rule=dict(sorted(by_rule.items())),
        notes=tuple(dict.fromkeys(note for report in reports for note in report.notes)),
        links_added=sum(report.links_added for report in reports),
        links_dropped=sum(report.links_dropped for report in reports),
    )
