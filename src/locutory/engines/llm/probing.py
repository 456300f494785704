"""Whether a provider lets us in, found out by listing its models: that costs nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from locutory.kernel.errors import EngineAuthError, EngineError, EngineThrottled, InvalidOutput
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.replies import EngineRejectedError

if TYPE_CHECKING:
    from locutory.engines.llm.registry import Wanted

PROBE_S: Final = 2.0
_ANTHROPIC_VERSION: Final = "2023-06-01"
_BAD_REQUEST: Final = 400


class Access(StrEnum):
    """What a provider said to its key. `away` gave no answer, `no_model` lacks the model set."""

    OK = "ok"
    REFUSED = "refused"
    AWAY = "away"
    NO_MODEL = "no_model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """How a provider answered; `words` are for people, without secrets."""

    access: Access
    words: str = ""


Probe = Callable[[], Awaitable[Probed]]


def probe_of(wanted: "Wanted", http: HttpClient) -> Probe | None:
    """How to ask a provider, None for Bedrock, whose address for answers lists nothing."""
    base = (wanted.base_url or "").rstrip("/").removesuffix("/v1")
    key = wanted.api_key or ""
    match wanted.provider:
        case "ollama":
            url, headers = f"{base}/api/tags", {}
        case "openai_compatible":
            url = f"{base}/v1/models"
            headers = {"Authorization": f"Bearer {key}"} if key else {}
        case "anthropic":
            url = f"{base or 'https://api.anthropic.com'}/v1/models"
            headers = {"x-api-key": key, "anthropic-version": _ANTHROPIC_VERSION}
        case "gemini":
            url = f"{base or 'https://generativelanguage.googleapis.com'}/v1beta/models"
            headers = {"x-goog-api-key": key}
        case _:
            return None
    return partial(_ask, wanted, http, url, headers)


async def _ask(wanted: "Wanted", http: HttpClient, url: str, headers: dict[str, str]) -> Probed:
    """Any answer but a refused key counts as one: not every server lists its models."""
    try:
        listed = await http.get_json(
            url,
            engine=wanted.provider,
            place=wanted.place,
            guarded=False,
            headers=headers,
            timeout_s=PROBE_S,
        )
    except EngineAuthError as error:
        return Probed(access=Access.REFUSED, words=error.detail)
    except EngineRejectedError as error:
        status = error.extra.get("upstream_status")
        if wanted.provider == "gemini" and status == _BAD_REQUEST:  # its word for a wrong key
            return Probed(access=Access.REFUSED, words=error.detail)
    except (EngineThrottled, InvalidOutput):
        pass
    except EngineError as error:
        return Probed(access=Access.AWAY, words=error.detail)
    else:
        if wanted.provider == "ollama" and not _is_pulled(wanted.model, listed):
            words = f"{wanted.model} is not there: ollama pull {wanted.model}"
            return Probed(access=Access.NO_MODEL, words=words)
    return Probed(access=Access.OK)


def _is_pulled(model: str, listed: Any) -> bool:
    """Whether Ollama lists a model; one without a tag means `latest`."""
    found = listed.get("models") if isinstance(listed, dict) else None
    if not isinstance(found, list):
        return True
    names = {one.get("name") for one in found if isinstance(one, dict)}
    return bool({model, f"{model}:latest"} & names)
