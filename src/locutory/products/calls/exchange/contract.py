"""What others may name of exports: kinds, formats, states, errors."""

from enum import StrEnum

from locutory.kernel.errors import ConflictError, NotFoundError

EXPORT = "calls.export"
QUEUE = "exchange"
KEPT_DAYS = 7


class Kind(StrEnum):
    """What is exported. Leads are listed by /crm, not exported."""

    CALLS = "calls"
    SEGMENTS = "segments"
    SCORES = "scores"
    OBJECTIONS = "objections"
    AUDIT = "audit"


class Format(StrEnum):
    """How it is written; `pca_json` is a ZIP with a JSON file for each call."""

    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"
    PCA_JSON = "pca_json"

    @property
    def suffix(self) -> str:
        """The end of the file's name."""
        return "zip" if self is Format.PCA_JSON else self.value

    @property
    def media_type(self) -> str:
        """The content type of the download."""
        return {
            Format.CSV: "text/csv; charset=utf-8",
            Format.JSONL: "application/x-ndjson",
            Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format.PCA_JSON: "application/zip",
        }[self]


class State(StrEnum):
    """Where an export stands."""

    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"


class ExportNotFound(NotFoundError):
    """There is no such export here."""

    code = "EXPORT_NOT_FOUND"


class ExportNotReady(ConflictError):
    """This export has no file: it is still being made, failed, or is past its seven days."""

    code = "EXPORT_NOT_READY"
