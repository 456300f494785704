import pytest

from locutory.capabilities.analysis.answers import schema_faults
from locutory.capabilities.analysis.contract import AgentSpec
from locutory.capabilities.analysis.library import BUILT_IN, FINISHERS, RULES
from locutory.capabilities.analysis.prompts import check_prompt
from locutory.capabilities.analysis.templates import DEFAULT_TEMPLATE, questions


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.key)
def test_a_built_in_agent_can_be_saved_as_it_is(spec: AgentSpec) -> None:
    check_prompt(spec.prompt_system)
    check_prompt(spec.prompt_user)

    assert schema_faults(spec.output_schema) == []
    assert schema_faults(spec.result_schema or spec.output_schema) == []
    assert spec.key in RULES
    assert spec.key in FINISHERS


def test_a_model_is_asked_only_what_needs_judgement() -> None:
    asked = [question["key"] for question in questions(DEFAULT_TEMPLATE)["questions"]]

    assert asked == ["introduction", "need_understood", "solution", "courtesy"]
    assert sum(p.weight for p in DEFAULT_TEMPLATE.parameters) == 100
