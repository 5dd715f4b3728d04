"""A load check: the workload's own statements, sent by pgbench to the server itself at growing numbers of clients."""

from __future__ import annotations

from advisor.whatif.load.check import LoadOptions, check_load

__all__ = ["LoadOptions", "check_load"]
