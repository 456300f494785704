"""Who is told of runs: for metrics, and for whatever a product counts by them."""

from typing import Protocol

from locutory.kernel.jobs.contract import Claimed, Failure
from locutory.kernel.jobs.policy import Verdict


class Watcher(Protocol):
    """Is told after the fact; must not block."""

    def ended(self, job: Claimed, outcome: str, seconds: float) -> None:
        """A run has ended; `outcome` is ok, lost, cancelled or an error class."""
        ...

    def failed(self, job: Claimed, failure: Failure, verdict: Verdict) -> None:
        """A failure is stored, with what it led to."""
        ...

    def lost(self, leases: int) -> None:
        """So many leases were found that had run out."""
        ...


class Unwatched:
    """Nobody wants to know."""

    def ended(self, job: Claimed, outcome: str, seconds: float) -> None:
        """Nothing to do."""

    def failed(self, job: Claimed, failure: Failure, verdict: Verdict) -> None:
        """Nothing to do."""

    def lost(self, leases: int) -> None:
        """Nothing to do."""
