"""What a person can do about a dead letter, in a sentence."""

from locutory.kernel.errors import ErrorClass
from locutory.products.calls.pipeline.contract import AUDIO_TOO_LARGE, AUDIO_URL_EXPIRED

_BY_CODE = {
    AUDIO_URL_EXPIRED: "Send the call again with an address that still works.",
    AUDIO_TOO_LARGE: "Raise LOCUTORY_MEDIA__MAX_AUDIO_BYTES, or discard.",
    "AUDIO_EMPTY": "The file holds no sound: upload the recording again, or discard.",
    "AUDIO_NOT_AUDIO": "This is no recording: upload the right file, or discard.",
    "AUDIO_UNDECODABLE": "Upload the recording again, or redrive with another provider.",
    "AUDIO_TOO_LONG": "Cut the recording into parts and upload these.",
    "AUDIO_TRUNCATED": "The file breaks off: upload it again.",
    "SIDECAR_INVALID": "Mend the transcript file and upload the call again.",
    "URL_BLOCKED": "The address leads where the server may not go: upload the recording instead.",
    "STT_REFUSED": "Redrive with another provider, or upload the recording again.",
    "ENGINE_REJECTED": "Redrive with another provider, or mend what was sent.",
    "TIMEOUT": "Raise the stage's timeout_s in the configuration, then redrive.",
    "CALL_NOT_FOUND": "The call was deleted meanwhile: discard.",
}
_BY_CLASS = {
    ErrorClass.TRANSIENT_NETWORK: "See whether the service answers again, then redrive.",
    ErrorClass.THROTTLED: "Lower the stage's concurrency or wait, then redrive.",
    ErrorClass.PROVIDER_OUTAGE: "Redrive when the provider is back, or with another provider.",
    ErrorClass.PROVIDER_TIMEOUT: "Redrive, with another provider if it happens again.",
    ErrorClass.PERMANENT_INPUT: "Mend the input and send it again, or discard.",
    ErrorClass.PERMANENT_AUTH: "Renew the provider's key, then redrive.",
    ErrorClass.PERMANENT_CONFIG: "Mend the setting that the message names, then redrive.",
    ErrorClass.CONTENT_REJECTED: "Redrive with another provider, or discard.",
    ErrorClass.INVALID_OUTPUT: "Redrive, with provider rules if the model keeps failing.",
    ErrorClass.POISON: "Workers died on it: look at their logs and memory before you redrive.",
    ErrorClass.INTERNAL_BUG: "A fault of the program: redrive after an update, and report it.",
}


def suggestion(error_class: str, code: str) -> str:
    """What may help with such a failure."""
    known = set(ErrorClass)
    by_class = _BY_CLASS[ErrorClass(error_class)] if error_class in known else "Redrive."
    return _BY_CODE.get(code, by_class)
