"""The speech engines by name."""

from concurrent.futures import ProcessPoolExecutor

from locutory.engines.stt.base import STTProvider
from locutory.kernel.errors import ConfigError


def get_stt_provider(
    name: str = "embedded", *, pool: ProcessPoolExecutor | None = None
) -> STTProvider:
    """Return the engine of that name, for `auto` the best one there is.

    `pool` runs the work of engines that compute here.

    Raises ConfigError for a name that nobody registered.
    """
    if name in ("auto", "embedded"):
        from locutory.engines.stt.embedded import AcousticSTT

        return AcousticSTT(pool=pool)
    if name == "stub":
        from locutory.engines.stt.stub import StubSTT

        return StubSTT()
    raise ConfigError(f"There is no speech engine {name!r}; known: auto, embedded, stub")
