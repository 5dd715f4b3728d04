"""A finding about one setting, as every part of the settings advice makes it."""

from __future__ import annotations

from advisor.model.finding import Confidence, Finding, Remedy, Severity


def setting_finding(
    rule: str,
    severity: Severity,
    setting: str,
    title: str,
    detail: str,
    evidence: dict[str, object],
    remedy: Remedy,
    confidence: Confidence = Confidence.HIGH,
) -> Finding:
    """Return a finding about one setting."""
    return Finding(
        rule=rule,
        severity=severity,
        confidence=confidence,
        title=title,
        object=f"setting:{setting}",
        detail=detail,
        evidence=evidence,
        remedy=remedy,
        subject="settings",
    )
