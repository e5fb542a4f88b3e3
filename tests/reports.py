"""What a report says, as tests read it."""

from __future__ import annotations

import re


def timeless(report):
    return re.sub(r"[\d.]+ ms", "? ms", str(report))


def words(report):
    """The report's text with its lines joined."""
    return " ".join(str(report).split())


def tells(report, finding):
    """Whether all that a finding's message says is in the report's text, be it on several lines."""
    parts = re.split(r"(?:: |; )(?:look at |look for )?", " ".join(finding.message.split()))
    return finding.kind in str(report) and all(part in words(report) for part in parts)


def kinds(report):
    return [(finding.kind, finding.array) for finding in report.findings]
