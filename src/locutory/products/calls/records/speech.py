"""Which speech engine a name stands for on this server."""

from locutory.engines.stt import STTProvider, get_stt_provider
from locutory.kernel.http.client import HttpClient
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings


def speech_engine(services: Services, name: str | None) -> STTProvider:
    """The engine of that name, the configured one without. Raises ConfigError."""
    configured = services.get(STTProvider)
    if name in (None, configured.name):
        return configured
    return get_stt_provider(
        str(name), settings=services.get(Settings).stt, http=services.get(HttpClient)
    )
