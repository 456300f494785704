"""How pydantic-ai's models of each vendor are made: no retries of their own, addresses by setting.

Each function imports its vendor's client when the model is made, not before.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_ai.models import Model


def anthropic(model: str, *, api_key: str, base_url: str | None) -> "Model":
    """Claude by Anthropic's Messages API."""
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    client = AsyncAnthropic(api_key=api_key, base_url=base_url, max_retries=0)
    return AnthropicModel(model, provider=AnthropicProvider(anthropic_client=client))


def gemini(model: str, *, api_key: str, base_url: str | None) -> "Model":
    """Gemini by Google's Generative Language API, whose client retries only when told to."""
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    provider = GoogleProvider(api_key=api_key, base_url=base_url)
    return GoogleModel(model, provider=provider)


def bedrock(
    model: str, *, api_key: str | None, base_url: str | None, region: str, timeout_s: float
) -> "Model":
    """Models on Amazon Bedrock by its Converse API.

    `api_key` is a Bedrock key; without one boto3 looks for credentials where it always does: the
    environment, a profile, the machine's role.
    """
    import boto3
    from botocore.config import Config
    from pydantic_ai.models.bedrock import BedrockConverseModel
    from pydantic_ai.providers.bedrock import BedrockProvider

    if api_key is not None:
        provider = BedrockProvider(
            api_key=api_key, base_url=base_url, region_name=region, aws_read_timeout=timeout_s
        )
        return BedrockConverseModel(model, provider=provider)
    config = Config(read_timeout=timeout_s, connect_timeout=10, retries={"total_max_attempts": 1})
    client = boto3.client(
        "bedrock-runtime", region_name=region, endpoint_url=base_url, config=config
    )
    return BedrockConverseModel(model, provider=BedrockProvider(bedrock_client=client))
