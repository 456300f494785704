"""What a newcomer sees: the demo's calls, judged, and everything that they are judged by."""

from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import select

from locutory.app import compose
from locutory.cli.demo import run_demo
from locutory.kernel.auth.queries import find_tenant
from locutory.kernel.settings import Settings
from locutory.products.calls.businesses.models import FloorAgent
from locutory.products.calls.findings.models import CallMoment
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.reviews.models import CallReview, CallScore


async def test_the_demo_has_sixty_judged_calls_and_a_second_run_doubles_nothing(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path)
    await run_demo(settings, once=True)
    first = await kept(settings)
    await run_demo(settings, once=True)

    assert first["demo"]["calls"] == {"done": 36}
    assert first["northlight"]["calls"] == {"done": 24}
    for found in first.values():
        assert found["templates"] == {"Every call"}
        assert found["teams"] <= {"Front desk", "Sales", "North", "South"}
        assert len(found["teams"]) == 2
    assert first["demo"]["moments"] >= {"long_silence", "angry_start"}
    assert first["demo"]["reviewed"] == 3
    assert first["demo"]["merged"] == 3
    assert await kept(settings) == first


async def kept(settings: Settings) -> dict[str, dict[str, Any]]:
    """What the demo's businesses hold."""
    server = compose(settings)
    found: dict[str, dict[str, Any]] = {}
    async with server.running(work=False):
        for bid in ("demo", "northlight"):
            async with server.storage.read(None) as session:
                tenant = await find_tenant(session, bid)
            assert tenant is not None
            async with server.storage.database(tenant.id).read() as session:
                scores = (await session.scalars(select(CallScore))).all()
                found[bid] = {
                    "calls": Counter(await session.scalars(select(CallRecord.status))),
                    "templates": {score.template_name for score in scores},
                    "merged": sum(score.source == "merged" for score in scores),
                    "reviewed": len((await session.scalars(select(CallReview.id))).all()),
                    "moments": set(await session.scalars(select(CallMoment.rule_key))),
                    "teams": set(await session.scalars(select(FloorAgent.team))),
                }
    return found
