"""Proof of index advice: build it on a server that may be thrown away, run the workload before and after.

The server is one somebody names, or a private one whose rows are made from production's statistics. This is the only
part that writes to a server somebody names. It has its own connection; the one that reads the facts stays
read-only. Statements run in transactions that are rolled back, reads too: a function may write.
"""

from advisor.proof.advice import advise_workload, reread
from advisor.proof.generated import open_generated
from advisor.proof.run import ProofOptions, prove
from advisor.proof.server import open_disposable

__all__ = ["ProofOptions", "advise_workload", "open_disposable", "open_generated", "prove", "reread"]
