"""Deeds on many calls: what there is to do, registered by the modules that do it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from locutory.kernel.db import Session
from locutory.kernel.errors import InvalidError
from locutory.kernel.http_errors import faults
from locutory.products.calls.records.models import CallRecord

Deed = Callable[[Session, CallRecord, Mapping[str, Any], str], Awaitable[None]]
"""`(tx, record, params, actor)`: one call, in the transaction that counts it."""
End = Callable[[Session, Sequence[str], Mapping[str, Any], str], Awaitable[None]]
"""`(tx, callids, params, actor)`: all the calls, in the transaction that counts the last."""


class NoParams(BaseModel):
    """For actions that take nothing."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction:
    """Something that can be done to many calls.

    `run` does it to one call inside a transaction and raises a LocutoryError to refuse; it awaits
    nothing but the session. `end` follows when all calls are through. `scope` is what the caller
    needs, `params` what the request may say.
    """

    name: str
    run: Deed
    scope: str = "calls:write"
    params: type[BaseModel] = NoParams
    end: End | None = None


_actions: dict[str, BulkAction] = {}


def register(action: BulkAction) -> None:
    """Offer an action; called by a module's manifest. Raises ValueError if its name is taken."""
    if _actions.get(action.name, action) is not action:
        raise ValueError(f"two bulk actions called {action.name}")
    _actions[action.name] = action


def get_action(name: str) -> BulkAction:
    """The action of that name. Raises InvalidError, which says what there is."""
    action = _actions.get(name)
    if action is None:
        message = f"one of {', '.join(sorted(_actions))}"
        fault = {"field": "action", "code": "ACTION_UNKNOWN", "message": message}
        raise InvalidError(f"unknown action: {message}", errors=[fault])
    return action


def checked_params(action: BulkAction, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the action takes, as plain data. Raises InvalidError with every fault."""
    try:
        return action.params(**given).model_dump(mode="json")
    except ValidationError as error:
        found = [{**fault, "field": f"params.{fault['field']}"} for fault in faults(error.errors())]
        raise InvalidError(errors=found) from error
