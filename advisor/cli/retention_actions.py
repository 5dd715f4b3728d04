"""`pgadvise retention init` and `pgadvise retention check`: a policy drafted, and a policy file looked over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.cli.config import find_config
from advisor.cli.console import print_text, show_progress
from advisor.cli.flags import policy_from, source_from
from advisor.errors import UsageError
from advisor.model.lookup import Catalog
from advisor.pipeline import open_source
from advisor.retention import draft_policy

ACTIONS = ("init", "check")
Action = Annotated[
    str | None,
    typer.Argument(metavar="[init|check]", help="init: draft a policy from the database; check: only read --policy."),
]


def run_action(action: str, flags: Mapping[str, Any]) -> None:
    """Print a drafted policy, or say that the policy file is sound. Raises UsageError for anything else."""
    if action not in ACTIONS:
        raise UsageError(f"There is no 'retention {action}'.", f"Write retention {', retention '.join(ACTIONS)}.")
    settings = find_config(Path.cwd(), flags.get("config"))
    if action == "check":
        policy = policy_from(flags, settings)
        if policy is None:
            raise UsageError("There is no policy to check.", "Give --policy FILE.")
        windows, without = len(policy.tables), len(policy.exclude)
        print_text(f"{policy.source}: sound. Entries with a window: {windows}; without one on purpose: {without}.\n")
        return
    with (
        show_progress(flags.get("quiet", False)) as progress,
        open_source(source_from(flags, settings), None, progress) as (facts, _),
    ):
        draft = draft_policy(facts, Catalog(facts))
    print_text(draft)
