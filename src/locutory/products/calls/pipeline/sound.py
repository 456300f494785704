"""What a recording is, before anybody has understood a word of it."""

from dataclasses import dataclass

from locutory.engines.media.base import Probe
from locutory.engines.stt import Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What the recording itself told: the file, its turns, whether its channels are speakers."""

    probe: Probe
    heard: Heard

    @property
    def true_stereo(self) -> bool:
        """Two channels with a speaker each."""
        return self.probe.channels > 1 and "FALSE_STEREO" not in self.heard.warnings

    @property
    def no_speech(self) -> bool:
        """Nobody spoke."""
        return not self.heard.segments

    def flags(self) -> set[str]:
        """What a person should know about the recording, in the record's words."""
        return {warning.lower() for warning in (*self.probe.warnings, *self.heard.warnings)}
