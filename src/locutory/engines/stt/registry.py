"""The speech engines by name."""

from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from pydantic import SecretStr

from locutory.engines.stt.base import STTProvider
from locutory.kernel.errors import ConfigError

if TYPE_CHECKING:
    from locutory.kernel.http.client import HttpClient
    from locutory.kernel.settings import SttSettings

KNOWN = ("embedded", "stub", "whisper", "pocketsphinx", "sarvam", "deepgram")


def get_stt_provider(
    name: str = "embedded",
    *,
    settings: "SttSettings | None" = None,
    http: "HttpClient | None" = None,
    pool: ProcessPoolExecutor | None = None,
) -> STTProvider:
    """Return the engine of that name, for `auto` the best one there is in this process.

    That is Whisper where its package and a directory of weights are there, else the acoustic one.
    `auto` never sends a recording away: an outside provider is chosen by its name. Those need
    `settings` and `http`; `pool` runs the work of the acoustic engine.

    Raises ConfigError for a name that nobody registered, and for a provider without its key.
    """
    if name == "auto" and settings is not None and _has_weights(settings):
        return _whisper(settings, None)
    if name in ("auto", "embedded"):
        from locutory.engines.stt.embedded import AcousticSTT

        return AcousticSTT(pool=pool)
    if name == "stub":
        from locutory.engines.stt.stub import StubSTT

        return StubSTT()
    if name in ("sarvam", "deepgram") and settings is not None and http is not None:
        return _outside(name, settings, http)
    if name == "whisper" and settings is not None:
        return _whisper(settings, http)
    if name == "pocketsphinx":
        from locutory.engines.stt.pocketsphinx import PocketSphinx

        return PocketSphinx()
    raise ConfigError(f"There is no speech engine {name!r}; known: auto, {', '.join(KNOWN)}")


def _has_weights(settings: "SttSettings") -> bool:
    from locutory.engines.stt.whisper_here import here

    return settings.whisper.weights is not None and here()


def _whisper(settings: "SttSettings", http: "HttpClient | None") -> STTProvider:
    own = settings.whisper
    if http is not None and own.base_url is not None:
        if own.weights is not None:
            raise ConfigError("LOCUTORY_STT__WHISPER__ has __BASE_URL and __WEIGHTS: which?")
        from locutory.engines.stt.whisper import WhisperServer

        return WhisperServer(
            http,
            own,
            base_url=own.base_url,
            language=settings.language,
            timeout_s=settings.timeout_s,
        )
    if own.weights is None:
        raise ConfigError("Whisper needs LOCUTORY_STT__WHISPER__BASE_URL, or __WEIGHTS")
    from locutory.engines.stt.whisper_here import WhisperHere

    return WhisperHere(
        own.weights,
        slots=own.slots,
        compute_type=own.compute_type,
        language=settings.language,
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


class SpeechEngines:
    """The engines of one process by name: made when first asked for, and only once."""

    def __init__(
        self, configured: STTProvider, settings: "SttSettings", http: "HttpClient"
    ) -> None:
        """`configured` is the one that the settings name."""
        self._made = {configured.name: configured}
        self._settings, self._http = settings, http

    def get(self, name: str) -> STTProvider:
        """The engine of that name. Raises ConfigError."""
        if name not in self._made:
            self._made[name] = get_stt_provider(name, settings=self._settings, http=self._http)
        return self._made[name]

    def close(self) -> None:
        """End the processes of engines that have some."""
        for engine in self._made.values():
            engine.close()
