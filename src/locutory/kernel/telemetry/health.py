"""Health: named checks, and the three routes that tell of them.

`/healthz` says that the process answers, `/readyz` whether to send it work (503 if not), `/health`
everything, for people: always 200, `degraded` when a check fails.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from locutory import __version__
from locutory.kernel.errors import LocutoryError
from locutory.kernel.telemetry.logs import get_logger

CHECK_S: Final = 5.0

Check = Callable[[], Awaitable[Mapping[str, Any] | None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found; `facts` are its own words for people."""

    ok: bool
    facts: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As it is shown in `/health`."""
        return {"status": "ok" if self.ok else "failed", **self.facts}


_TIMED_OUT = Outcome(False, {"error_code": "TIMEOUT"})


@dataclass(frozen=True, slots=True)
class _Registered:
    check: Check
    gates: bool


class HealthChecks:
    """The checks of a server, by name. All run at once, each within a time limit."""

    def __init__(self, *, timeout_s: float = CHECK_S) -> None:
        """`timeout_s` bounds one check."""
        self._timeout_s = timeout_s
        self._checks: dict[str, _Registered] = {}

    def add(self, name: str, check: Check, *, gates_ready: bool = True) -> None:
        """Register a check: it returns facts or None when all is well, and raises when not.

        A check with `gates_ready=False` shows in `/health` and leaves `/readyz` alone: an optional
        engine that is down degrades the server, it does not end it.
        """
        if name in self._checks:
            raise ValueError(f"health check {name!r} exists")
        self._checks[name] = _Registered(check, gates_ready)

    async def run(self, *, only_gating: bool = False) -> dict[str, Outcome]:
        """The outcome of each check, in order of registration."""
        chosen = {
            name: entry.check
            for name, entry in self._checks.items()
            if entry.gates or not only_gating
        }
        outcomes = await asyncio.gather(
            *(self._run_one(name, check) for name, check in chosen.items())
        )
        return dict(zip(chosen, outcomes, strict=True))

    async def _run_one(self, name: str, check: Check) -> Outcome:
        asked = asyncio.ensure_future(check())
        try:
            # what hangs may take its time to be cancelled as well: nobody waits for that
            done, _ = await asyncio.wait({asked}, timeout=self._timeout_s)
            return Outcome(True, asked.result() or {}) if done else _TIMED_OUT
        except TimeoutError:
            return _TIMED_OUT
        except LocutoryError as error:
            return Outcome(False, {"error_code": error.error_code})
        except Exception:
            # Anything at all may be wrong with what is checked; the page must still be served.
            get_logger().exception("health check failed", check=name)
            return Outcome(False, {"error_code": "INTERNAL"})
        finally:
            asked.cancel()


router = APIRouter(tags=["health"])
"""Three routes without login or secret; the app's `state.health` has the checks.

They are functions of the module, not made for an app: the framework remembers them beyond it.
"""


@router.get("/health")
async def health(request: Request) -> dict[str, Any]:
    """All checks of all products."""
    outcomes = await _checks(request).run()
    ok = all(outcome.ok for outcome in outcomes.values())
    return {
        "status": "ok" if ok else "degraded",
        "version": __version__,
        "checks": {name: outcome.body() for name, outcome in outcomes.items()},
    }


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request, response: Response) -> dict[str, Any]:
    """Whether work may be sent here."""
    outcomes = await _checks(request).run(only_gating=True)
    failed = [name for name, outcome in outcomes.items() if not outcome.ok]
    response.status_code = 503 if failed else 200
    return {"status": "unready" if failed else "ready", "failed": failed}


def _checks(request: Request) -> HealthChecks:
    checks: HealthChecks = request.app.state.health
    return checks
