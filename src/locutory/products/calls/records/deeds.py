"""What is done to a call over HTTP: read as a file, heard, corrected, run again, deleted."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response

from locutory.engines.blobs import BlobStore
from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, access
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.bodies import answers_with
from locutory.kernel.crypto import Secrets
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.services import Services
from locutory.products.calls.records import service
from locutory.products.calls.records.contract import Measure
from locutory.products.calls.records.schemas import (
    BulkAsk,
    BulkRead,
    CallRead,
    CallUpdate,
    CommentCreate,
    CommentPage,
    CommentRead,
    DeletionRead,
    Peaks,
    RetranscribeAsk,
    RunRead,
    SpeakersWrite,
    Timeline,
    TranscriptEdit,
    TranscriptFile,
    TranscriptRead,
    TranscriptVersions,
)
from locutory.products.calls.records.sending import StoredFile, span_of
from locutory.products.calls.records.service import audio, editing, many, notes, runs, texts
from locutory.products.calls.records.sight import CallReader, PageReader, Reader, reader_of

router = SecuredRouter()
bulk_router = SecuredRouter()
_BASE = "/call-records/{bid}/{callid}"


async def _writer(inside: Annotated[Access, access("calls:write")]) -> Reader:
    return await reader_of(inside)


async def _runner(inside: Annotated[Access, access("calls:ingest")]) -> Reader:
    return await reader_of(inside)


async def _keeper(inside: Annotated[Access, access("calls:manage")]) -> Reader:
    return await reader_of(inside)


Writer = Annotated[Reader, Depends(_writer)]
Runner = Annotated[Reader, Depends(_runner)]
Keeper = Annotated[Reader, Depends(_keeper)]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


TheServices = Annotated[Services, Depends(_services)]


def _desk(services: Services) -> editing.Desk:
    return editing.Desk(services.get(Secrets).ring, services.get(Measure))


@bulk_router.post("/call-records/{bid}/bulk", status_code=202, response_model=BulkRead)
async def start_bulk(writer: Writer, services: TheServices, data: BulkAsk) -> BulkRead:
    """Do something to many calls; `confirm_count` must be their number."""
    return await many.start(writer, data, services.get(Secrets))


@bulk_router.get("/call-records/{bid}/bulk/{bulk_id}")
async def get_bulk(writer: Writer, bulk_id: UUID) -> BulkRead:
    """How far it is."""
    return await many.progress(writer, bulk_id)


@router.patch(_BASE)
async def update_call_record(
    response: Response,
    writer: Writer,
    callid: str,
    data: CallUpdate,
    if_match: Annotated[str | None, Header(max_length=200)] = None,
) -> CallRead:
    """Change tags, agent, disposition, own fields or the legal hold."""
    await editing.update_call(writer, callid, data, if_match)
    call, etag = await service.show_call(writer, callid)
    response.headers["etag"] = etag
    return call


@router.delete(_BASE, status_code=202)
async def delete_call_record(keeper: Keeper, callid: str) -> DeletionRead:
    """Delete a call: gone from lists and search at once, its files follow."""
    await service.delete_one(keeper, callid)
    return DeletionRead(callid=callid, state="erasing")


@router.get(
    f"{_BASE}/transcript",
    response_model=TranscriptRead,
    responses=answers_with(*texts.MEDIA_TYPES.values()),
)
async def get_call_transcript(
    reader: PageReader,
    services: TheServices,
    callid: str,
    ask: Annotated[TranscriptFile, Query()],
) -> TranscriptRead | Response:
    """A version of the transcript as JSON, plain text, SRT, WebVTT or RTTM."""
    read = await texts.get_transcript(reader, callid, ask, services.get(Secrets).ring)
    if ask.format == "json":
        return read
    media_type = texts.MEDIA_TYPES[ask.format]
    return Response(texts.rendered(read, ask.format, callid), media_type=media_type)


@router.patch(f"{_BASE}/transcript")
async def edit_call_transcript(
    writer: Writer, services: TheServices, callid: str, data: TranscriptEdit
) -> TranscriptRead:
    """Correct words, speakers and borders: a new version, analysed anew, not heard anew."""
    return await editing.edit_transcript(writer, callid, data, _desk(services))


@router.get(f"{_BASE}/transcript/versions")
async def list_call_transcripts(reader: CallReader, callid: str) -> TranscriptVersions:
    """Every version of the transcript; each can be read by its number."""
    return await texts.list_versions(reader, callid)


@router.post(f"{_BASE}/speakers")
async def set_call_speakers(
    writer: Writer, services: TheServices, callid: str, data: SpeakersWrite
) -> TranscriptRead:
    """Say who each speaker is: a new version with new figures, analysed anew."""
    return await editing.set_speakers(writer, callid, data.map, data.base_version, _desk(services))


@router.get(f"{_BASE}/audio", response_class=Response, responses=answers_with("audio/*"))
async def get_call_audio(
    request: Request, reader: PageReader, services: TheServices, callid: str
) -> Response:
    """The recording, or a range of it; the redacted one for readers without `pii:read`."""
    wanted = request.headers.get("range")
    first = wanted is None or wanted.replace(" ", "").startswith("bytes=0-")
    sound = await audio.get_sound(reader, callid, audio.Studio.of(services), first=first)
    blobs = services.get(BlobStore)
    size = await blobs.size(sound.key) or 0
    return StoredFile(
        blobs,
        sound.key,
        size=size,
        span=span_of(wanted, size),
        media_type=sound.media_type,
        name=sound.name,
    )


@router.get(f"{_BASE}/peaks", response_model=Peaks)
async def get_call_peaks(reader: PageReader, services: TheServices, callid: str) -> Response:
    """The recording's loudness for a picture, fifty times a second."""
    peaks = await audio.get_peaks(reader, callid, audio.Studio.of(services))
    return Response(peaks, media_type="application/json")


@router.get(f"{_BASE}/timeline")
async def get_call_timeline(reader: CallReader, callid: str) -> Timeline:
    """What the pipeline did with the call, with every failure's own words."""
    return await notes.timeline(reader, callid)


@router.get(f"{_BASE}/comments")
async def list_call_comments(
    reader: CallReader, callid: str, ask: Annotated[PageAsk, Query()]
) -> CommentPage:
    """What was noted on the call, in order of writing."""
    return await notes.list_comments(reader, callid, cursor=ask.cursor, limit=ask.limit)


@router.post(f"{_BASE}/comments", status_code=201, response_model=CommentRead)
async def add_call_comment(
    reader: CallReader, callid: str, data: CommentCreate, idempotent: Idempotent
) -> Response:
    """Note something on the call, perhaps at a place in its recording."""
    return await idempotent.write(
        reader.db, lambda tx: notes.add_comment(tx, reader, callid, data), 201
    )


@router.post(f"{_BASE}/retranscribe", status_code=202)
async def retranscribe_call(
    runner: Runner, callid: str, services: TheServices, data: RetranscribeAsk | None = None
) -> RunRead:
    """Hear the recording afresh; the present transcript stays readable."""
    return await runs.hear_again(runner, callid, data or RetranscribeAsk(), services)


@router.post(f"{_BASE}/retry", status_code=202)
async def retry_call(runner: Runner, callid: str) -> RunRead:
    """Run again what failed."""
    return await runs.try_again(runner, callid)


@router.post(f"{_BASE}/cancel", status_code=202)
async def cancel_call(runner: Runner, callid: str) -> RunRead:
    """Do no more work on the call."""
    return await runs.stop(runner, callid)
