"""Watermarks for people: how far each source was read, and moving that."""

from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.clock import rfc3339, utc_now
from locutory.kernel.db import Session
from locutory.kernel.errors import InvalidError
from locutory.products.calls.pipeline.queries import find_watermark, watermarks
from locutory.products.calls.pipeline.schemas import WatermarkList, WatermarkRead
from locutory.products.calls.pipeline.service.watermarks import shown
from locutory.products.calls.sources import queries
from locutory.products.calls.sources.contract import WatermarkNotFound
from locutory.products.calls.sources.describing import go_on
from locutory.products.calls.sources.passes import Cursor
from locutory.products.calls.sources.polling import watermark_name
from locutory.products.calls.sources.source_schemas import WatermarkMove


async def list_watermarks(access: Access) -> WatermarkList:
    """All of a business's."""
    async with access.db.read() as session:
        return WatermarkList(items=shown(await watermarks(session)))


async def move(access: Access, name: str, data: WatermarkMove) -> WatermarkRead:
    """Have a source read on from another place. Raises WatermarkNotFound, InvalidError.

    A poll that runs takes nothing more in. What lies between a place ahead and the old one is
    not read.
    """
    if data.ts is not None and data.ts > utc_now():
        message = "a watermark is never beyond now"
        raise InvalidError(message, errors=[{"field": "ts", "code": "INVALID", "message": message}])

    async def store(tx: Session) -> WatermarkRead:
        mark = await find_watermark(tx, name)
        if mark is None:
            raise WatermarkNotFound
        before = Cursor.of(mark.cursor)
        given = data.model_fields_set
        after = Cursor(
            ts=data.ts if "ts" in given else before.ts,
            id=data.id if "id" in given else before.id,
        )
        mark.cursor = after.stored()
        await audit(
            tx,
            actor=access.principal.key,
            action="watermark.move",
            object=name,
            reason=data.reason,
            before={"ts": before.ts and rfc3339(before.ts), "id": before.id},
            after={"ts": after.ts and rfc3339(after.ts), "id": after.id},
        )
        await tx.flush()
        for source in await queries.polled(tx):
            if watermark_name(source.id) == name:
                await go_on(tx, source, elsewhere=False)
        return shown([mark])[0]

    return await access.db.write(store)
