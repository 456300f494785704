"""The order of agents that depend on one another."""

from collections.abc import Collection, Sequence

from locutory.capabilities.analysis.contract import AgentSpec
from locutory.kernel.errors import InvalidError


def in_order(specs: Sequence[AgentSpec], *, known: Collection[str] = ()) -> list[AgentSpec]:
    """Parents before dependants, otherwise as given; parents in `known` have answered already.

    Raises InvalidError that lists every doubled key, unknown parent and member of a cycle.
    """
    faults = order_faults(specs, known=known)
    if faults:
        raise InvalidError("the agents cannot be ordered", code="AGENT_DAG", errors=faults)
    ordered: list[AgentSpec] = []
    done, waiting = _own(known, specs), list(specs)
    while waiting:
        ready = [spec for spec in waiting if done.issuperset(spec.depends_on)]
        ordered += ready
        done.update(spec.key for spec in ready)
        waiting = [spec for spec in waiting if spec.key not in done]
    return ordered


def order_faults(
    specs: Sequence[AgentSpec], *, known: Collection[str] = ()
) -> list[dict[str, str]]:
    """Every doubled key, unknown parent and member of a cycle, as {field, code, message}."""
    faults = _faults(specs, known)
    done, waiting = _own(known, specs), list(specs)
    unknown = {parent for spec in specs for parent in spec.depends_on} - {s.key for s in specs}
    done |= unknown  # said once already
    while True:
        ready = {spec.key for spec in waiting if done.issuperset(spec.depends_on)}
        if not ready:
            cyclic = _cyclic(waiting)
            return faults + [_fault(s.key, "AGENT_CYCLE", "waits for itself") for s in cyclic]
        done |= ready
        waiting = [spec for spec in waiting if spec.key not in done]


def _own(known: Collection[str], specs: Sequence[AgentSpec]) -> set[str]:
    """What has answered and is not to answer anew."""
    return set(known) - {spec.key for spec in specs}


def _faults(specs: Sequence[AgentSpec], known: Collection[str]) -> list[dict[str, str]]:
    keys = [spec.key for spec in specs]
    doubled = [_fault(k, "AGENT_DOUBLED", "is there twice") for k in set(keys) if keys.count(k) > 1]
    unknown = [
        _fault(spec.key, "AGENT_UNKNOWN", f"depends on {parent}, which does not exist")
        for spec in specs
        for parent in spec.depends_on
        if parent not in keys and parent not in known
    ]
    return doubled + unknown


def _cyclic(waiting: Sequence[AgentSpec]) -> list[AgentSpec]:
    """Of those that cannot run, the ones on a cycle: strip whatever nobody left waits for."""
    left = list(waiting)
    while True:
        wanted = {parent for spec in left for parent in spec.depends_on}
        kept = [spec for spec in left if spec.key in wanted]
        if len(kept) == len(left):
            return kept
        left = kept


def _fault(key: str, code: str, message: str) -> dict[str, str]:
    return {"field": f"agents.{key}.depends_on", "code": code, "message": f"{key} {message}"}
