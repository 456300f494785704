"""Outside engines on stub servers, and recordings for them."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.stubs import deepgram, sarvam, whisper
from tests.stubs.vendor import VendorStub, served

from locutory.engines.stt.base import Heard, Part, Segment, STTRequest
from locutory.engines.stt.cutting import cut
from locutory.engines.stt.registry import get_stt_provider
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import (
    DeepgramSettings,
    HttpSettings,
    SarvamSettings,
    SttSettings,
    WhisperSettings,
)

RATE = 8000


@dataclass(slots=True)
class Desk:
    """An engine, the server that it talks to, and a folder for recordings."""

    engine: Any
    stub: Any
    settings: SttSettings
    http: HttpClient
    folder: Path

    def recording(self, channels: int = 1, seconds: float = 2.0) -> Path:
        """Noise, of another kind on each channel."""
        path = self.folder / f"{channels}-{seconds}.wav"
        noise = np.random.default_rng(channels).standard_normal((int(seconds * RATE), channels))
        soundfile.write(str(path), 0.1 * noise, RATE)
        return path

    def request(self, channels: int = 1, seconds: float = 2.0, **rest: Any) -> STTRequest:
        """A call as the pipeline hands it to this engine."""
        path = self.recording(channels, seconds)
        if self.engine.capabilities.derived:
            heard = Heard(
                duration_ms=round(seconds * 1000),
                segments=tuple(
                    Segment(start_ms=a, end_ms=b, speaker_label=f"S{n + 1}", channel=n % channels)
                    for n, (a, b) in enumerate([(100, 900), (1000, 1800)])
                ),
            )
            max_ms = self.engine.capabilities.max_ms
            parts = tuple(cut(path, self.folder, heard, apart=channels > 1, max_ms=max_ms))
        else:
            ms = round(seconds * 1000)
            parts = (Part(role="mixed", object_key="", path=path, ms=ms, channels=channels),)
        return STTRequest(call_ref="call-1", parts=parts, **rest)

    def other(self, **settings: Any) -> Any:
        """The same engine with other settings."""
        return get_stt_provider(
            self.engine.name, settings=self.settings.model_copy(update=settings), http=self.http
        )


def settings_for(stub: VendorStub, **rest: Any) -> SttSettings:
    return SttSettings(
        sarvam=SarvamSettings(api_key=sarvam.KEY, base_url=stub.url, poll_s=0.001),
        deepgram=DeepgramSettings(api_key=deepgram.KEY, base_url=stub.url),
        whisper=WhisperSettings(api_key=whisper.KEY, base_url=stub.url),
        **rest,
    )


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    http = HttpClient(HttpSettings())
    yield http
    await http.close()


def desk_of(name: str, http: HttpClient, folder: Path) -> Iterator[Desk]:
    stubs: dict[str, type[VendorStub]] = {
        "sarvam": sarvam.SarvamStub,
        "deepgram": deepgram.DeepgramStub,
        "whisper": whisper.WhisperStub,
    }
    with served(stubs[name]()) as stub:
        settings = settings_for(stub)
        engine = get_stt_provider(name, settings=settings, http=http)
        yield Desk(engine, stub, settings, http, folder)


@pytest.fixture(params=["sarvam", "deepgram", "whisper"])
def desk(request: pytest.FixtureRequest, http: HttpClient, tmp_path: Path) -> Iterator[Desk]:
    yield from desk_of(request.param, http, tmp_path)


@pytest.fixture
def sarvam_desk(http: HttpClient, tmp_path: Path) -> Iterator[Desk]:
    yield from desk_of("sarvam", http, tmp_path)


@pytest.fixture
def deepgram_desk(http: HttpClient, tmp_path: Path) -> Iterator[Desk]:
    yield from desk_of("deepgram", http, tmp_path)


@pytest.fixture
def whisper_desk(http: HttpClient, tmp_path: Path) -> Iterator[Desk]:
    yield from desk_of("whisper", http, tmp_path)
