"""Retention: does the live database keep what the policy says, for as long as it says, and what enforces it."""

from __future__ import annotations

from advisor.retention.assess import assess_retention, partition_shapes
from advisor.retention.draft import draft_policy
from advisor.retention.policy import Policy
from advisor.retention.policy_file import check_policy, load_policy
from advisor.retention.policy_schema import policy_schema
from advisor.retention.probes import Probe, plan_probes

__all__ = [
    "Policy", "Probe", "assess_retention", "check_policy", "draft_policy", "load_policy",
    "partition_shapes", "plan_probes", "policy_schema",
]  # fmt: skip
