import pytest

from locutory.capabilities.analysis.contract import AgentKind, AgentSpec
from locutory.capabilities.analysis.dag import in_order
from locutory.kernel.errors import InvalidError


def agent(key: str, *parents: str) -> AgentSpec:
    return AgentSpec(key=key, version=1, name=key, kind=AgentKind.RULE, depends_on=parents)


def test_parents_come_first() -> None:
    ordered = in_order([agent("c", "b"), agent("b", "a"), agent("a"), agent("d")])

    assert [spec.key for spec in ordered] == ["a", "d", "b", "c"]


def test_a_cycle_lists_its_members_only() -> None:
    with pytest.raises(InvalidError) as raised:
        in_order([agent("a", "b"), agent("b", "a"), agent("c", "a"), agent("free")])

    fields = [fault["field"] for fault in raised.value.extra["errors"]]
    assert fields == ["agents.a.depends_on", "agents.b.depends_on"]


def test_unknown_parents_and_doubled_keys_are_listed_together() -> None:
    with pytest.raises(InvalidError) as raised:
        in_order([agent("a"), agent("a"), agent("b", "x", "y")])

    codes = [fault["code"] for fault in raised.value.extra["errors"]]
    assert codes == ["AGENT_DOUBLED", "AGENT_UNKNOWN", "AGENT_UNKNOWN"]
