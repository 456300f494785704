"""The quality template that a new business starts with, and templates as prompts see them."""

from collections.abc import Mapping
from typing import Any

from locutory.capabilities.analysis.contract import Parameter, ParameterType, Template
from locutory.capabilities.analysis.grading import answer_form

# Answered by the server itself, so no model is asked.
MEASURED = frozenset([ParameterType.METRIC, ParameterType.PHRASE])

# What the server can measure by itself is 55 of 100 points: a call without a model has a score.
DEFAULT_TEMPLATE = Template(
    name="Service call",
    version=1,
    parameters=(
        Parameter(
            key="greeting",
            section="Opening",
            question="Did the agent greet the customer at the start?",
            type=ParameterType.PHRASE,
            weight=10,
            binding={
                "phrases": [
                    "good morning", "good afternoon", "good evening", "hello", "hi", "welcome",
                    "namaste", "namaskar", "नमस्ते", "नमस्कार",
                ],
                "role": "agent",
                "to_ms": 30_000,
            },
        ),
        Parameter(
            key="introduction",
            section="Opening",
            question="Did the agent say their name or the company's?",
            type=ParameterType.BOOL,
            weight=5,
        ),
        Parameter(
            key="need_understood",
            section="Conversation",
            question="How well did the agent find out what the customer needs?",
            type=ParameterType.SCALE,
            weight=15,
            options={"max": 5},
            guidance="0 did not ask, 3 asked the obvious, 5 confirmed the need in own words",
        ),
        Parameter(
            key="solution",
            section="Conversation",
            question="Did the agent offer a fitting answer or next step?",
            type=ParameterType.ENUM,
            weight=15,
            options={"points": {"yes": 1.0, "partly": 0.5, "no": 0.0}},
        ),
        Parameter(
            key="courtesy",
            section="Conversation",
            question="Was the agent polite throughout?",
            type=ParameterType.BOOL,
            weight=10,
            critical=True,
            guidance="No only for rudeness towards the customer, with the words as evidence",
        ),
        Parameter(
            key="talk_balance",
            section="Conversation",
            question="Did the agent leave room for the customer?",
            type=ParameterType.METRIC,
            weight=20,
            binding={
                "metric": "talk_ratio",
                "bands": [[None, 0.2, 0.5], [0.2, 0.65, 1.0], [0.65, 0.8, 0.5], [0.8, None, 0.0]],
            },
        ),
        Parameter(
            key="dead_air",
            section="Conversation",
            question="Was the talk free of long silence?",
            type=ParameterType.METRIC,
            weight=10,
            binding={
                "metric": "dead_air_pct",
                "bands": [[None, 5.0, 1.0], [5.0, 15.0, 0.5], [15.0, None, 0.0]],
            },
        ),
        Parameter(
            key="interruptions",
            section="Conversation",
            question="Did the agent let the customer finish?",
            type=ParameterType.METRIC,
            weight=5,
            binding={
                "metric": "interruptions_agent_per_10min",
                "bands": [[None, 5.0, 1.0], [5.0, 15.0, 0.5], [15.0, None, 0.0]],
            },
        ),
        Parameter(
            key="closing",
            section="Closing",
            question="Did the agent close with thanks or an offer of more help?",
            type=ParameterType.PHRASE,
            weight=10,
            binding={
                "phrases": [
                    "anything else", "thank you for calling", "thanks for calling", "thank you",
                    "have a nice day", "have a good day", "dhanyavaad", "धन्यवाद", "shukriya",
                ],
                "role": "agent",
                "from_share": 0.6,
            },
        ),
    ),
)  # fmt: skip


def template_of(variables: Mapping[str, Any]) -> Template:
    """The template among the variables, else the default one."""
    given = variables.get("template")
    return given if isinstance(given, Template) else DEFAULT_TEMPLATE


def questions(template: Template) -> dict[str, Any]:
    """What a prompt sees as `template`: only what a model is to judge."""
    return {
        "name": template.name,
        "questions": [_question(p) for p in template.parameters if p.type not in MEASURED],
    }


def _question(parameter: Parameter) -> dict[str, str]:
    return {
        "key": parameter.key,
        "question": parameter.question,
        "guidance": parameter.guidance,
        "answer": answer_form(parameter),
    }
