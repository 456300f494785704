"""What others may name of agents: job kinds, errors, and what people said of a call."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from locutory.kernel.db import Session
from locutory.kernel.errors import ConflictError, NotFoundError

ANALYZE = "calls.analyze"
TRIAL = "calls.agent_trial"
TRIALS = "trials"
"""The queue of test runs and back-tests: they wait for models, and no call waits for them."""

MOST_TEST_CALLS = 10
MOST_BACKTEST_CALLS = 200


class TrialKind(StrEnum):
    """What is tried."""

    TEST_RUN = "test_run"
    BACKTEST = "backtest"


class TrialState(StrEnum):
    """How far a trial is."""

    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"


class CallNotTranscribed(ConflictError):
    """The call has no transcript to judge; see its status."""

    code = "CALL_NOT_TRANSCRIBED"


class BacktestNotFound(NotFoundError):
    """There is no such back-test here."""

    code = "BACKTEST_NOT_FOUND"


class TestRunNotFound(NotFoundError):
    """There is no such test run here."""

    code = "TEST_RUN_NOT_FOUND"


class HumanAnswers(Protocol):
    """What people answered in place of an agent; back-tests measure agreement with it.

    Submitted reviews (`people.Graded`), unless something else is registered with the services.
    """

    async def of(
        self, session: Session, agent_key: str, call_ids: Sequence[UUID]
    ) -> Mapping[UUID, Mapping[str, Any]]:
        """By call, the values that people gave, by their place in the agent's result.

        Places are those of a comparison: `parameters.greeting.value`, `budget.status`.
        """
        ...


class NothingDegraded(ConflictError):
    """Nothing of this call is degraded."""

    code = "NOTHING_DEGRADED"
