"""Which speech engine a name stands for on this server."""

from locutory.engines.stt import SpeechEngines, STTProvider
from locutory.kernel.services import Services


def speech_engine(services: Services, name: str | None) -> STTProvider:
    """The engine of that name, the configured one without. Raises ConfigError."""
    configured = services.get(STTProvider)
    if name in (None, configured.name):
        return configured
    return services.get(SpeechEngines).get(str(name))
