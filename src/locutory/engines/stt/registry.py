"""The speech engines by name."""

from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from pydantic import SecretStr

from locutory.engines.stt.base import STTProvider
from locutory.kernel.errors import ConfigError

if TYPE_CHECKING:
    from locutory.kernel.http.client import HttpClient
    from locutory.kernel.settings import SttSettings


def get_stt_provider(
    name: str = "embedded",
    *,
    settings: "SttSettings | None" = None,
    http: "HttpClient | None" = None,
    pool: ProcessPoolExecutor | None = None,
) -> STTProvider:
    """Return the engine of that name, for `auto` the best one there is in this process.

    `auto` never sends a recording away: an outside provider is chosen by its name. Those need
    `settings` and `http`; `pool` runs the work of engines that compute here.

    Raises ConfigError for a name that nobody registered, and for a provider without its key.
    """
    if name in ("auto", "embedded"):
        from locutory.engines.stt.embedded import AcousticSTT

        return AcousticSTT(pool=pool)
    if name == "stub":
        from locutory.engines.stt.stub import StubSTT

        return StubSTT()
    if name in ("sarvam", "deepgram") and settings is not None and http is not None:
        return _outside(name, settings, http)
    raise ConfigError(
        f"There is no speech engine {name!r}; known: auto, embedded, stub, sarvam, deepgram"
    )


def _outside(name: str, settings: "SttSettings", http: "HttpClient") -> STTProvider:
    if name == "sarvam":
        from locutory.engines.stt.sarvam import SarvamSTT

        return SarvamSTT(
            http,
            settings.sarvam,
            api_key=_key(name, settings.sarvam.api_key),
            language=settings.language,
            patience_s=settings.timeout_s,
        )
    from locutory.engines.stt.deepgram import DeepgramSTT

    return DeepgramSTT(
        http,
        settings.deepgram,
        api_key=_key(name, settings.deepgram.api_key),
        language=settings.language,
        timeout_s=settings.timeout_s,
    )


def _key(name: str, key: SecretStr | None) -> str:
    found = "" if key is None else key.get_secret_value().strip()
    if not found:
        raise ConfigError(f"The speech engine {name} needs LOCUTORY_STT__{name.upper()}__API_KEY")
    return found
