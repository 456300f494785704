"""The pipeline's queues and job kinds, as the seed names them."""

from locutory.kernel.errors import ErrorClass, LocutoryError

TRANSCRIBE = "calls.transcribe"
ANALYZE = "calls.analyze"
INDEX = "calls.index"

MIN_AUDIO_MS = 1000
NO_SPEECH = "no_speech"

AUDIO_URL_EXPIRED = "AUDIO_URL_EXPIRED"
"""The recording is no longer at its address; ask the source for a new one."""
AUDIO_TOO_LARGE = "AUDIO_TOO_LARGE"


class SidecarUnusable(LocutoryError):
    """The transcript that came along cannot be read."""

    status, code, cls = 422, "SIDECAR_INVALID", ErrorClass.PERMANENT_INPUT
