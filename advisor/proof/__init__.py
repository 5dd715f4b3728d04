"""Proof of index advice: build it on a server that may be thrown away, run the workload before and after.

The only part that writes to a server somebody names. It has its own connection; the one that reads the facts stays
read-only. Statements run in transactions that are rolled back, reads too: a function may write.
"""

from advisor.proof.advice import advise_workload
from advisor.proof.run import ProofOptions, prove
from advisor.proof.server import open_disposable

__all__ = ["ProofOptions", "advise_workload", "open_disposable", "prove"]
