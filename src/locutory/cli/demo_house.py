"""What the demo's businesses have besides calls: a roster, a template, moment rules, reviews."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from locutory.app import Server
from locutory.kernel.auth import queries as auth_queries
from locutory.kernel.auth.contract import Access, Principal, PrincipalKind, Tenant
from locutory.kernel.db import Session
from locutory.kernel.preconditions import ALWAYS
from locutory.products.calls.businesses import roster
from locutory.products.calls.businesses.schemas import FloorAgentWrite
from locutory.products.calls.demo import DemoCall, path
from locutory.products.calls.findings import service as findings
from locutory.products.calls.findings.schemas import MomentCreate
from locutory.products.calls.reviews.schemas import ReviewCreate, TemplateList, TemplateWrite
from locutory.products.calls.reviews.service import reviews, templates
from locutory.products.calls.reviews.viewers import Viewer


@dataclass(frozen=True, slots=True)
class House:
    """The contents of `house.json`."""

    teams: Mapping[str, str]
    template: TemplateWrite
    moments: tuple[MomentCreate, ...]
    reviews: Mapping[str, ReviewCreate]


def house() -> House:
    """What every business of the demo gets."""
    content = json.loads(path("house.json").read_text(encoding="utf-8"))
    return House(
        teams=content["teams"],
        template=TemplateWrite(**content["template"]),
        moments=tuple(MomentCreate(**one) for one in content["moments"]),
        reviews={
            one.pop("callid"): ReviewCreate(**one, state="submitted") for one in content["reviews"]
        },
    )


async def furnish(
    server: Server, tenant: Tenant, calls: Iterable[DemoCall], *, keeper: str, floor: str | None
) -> bool:
    """Give a business what its calls are judged by; False if it has a template already.

    `keeper` is the login in whose name it is done; `floor` becomes the first of the floor agents.
    """
    inside, made = await _inside(server, tenant, keeper), house()
    if (await templates.list_(inside.db, TemplateList())).items:
        return False
    names = dict(sorted((call.agent_id, call.agent_name) for call in calls))
    agents = [
        FloorAgentWrite(external_id=id_, name=name, team=made.teams.get(id_))
        for id_, name in names.items()
    ]
    await roster.replace(inside, server.secrets.ring, agents)
    actor = inside.principal.key

    async def write(tx: Session) -> Any:
        for moment in made.moments:
            await findings.create_moment(tx, moment, actor=actor)
        if floor is not None:
            user = await auth_queries.find_user_by_email(tx, floor)
            assert user is not None
            await roster.link(tx, user.id, agents[0].external_id, actor=actor)
        return await templates.create(tx, made.template, actor=actor)

    template = await inside.db.write(write)
    await templates.publish(inside, template.id, expected=ALWAYS)
    return True


async def review(server: Server, tenant: Tenant, *, reviewer: str) -> None:
    """Grade some finished calls as somebody who supervises."""
    inside = await _inside(server, tenant, reviewer)
    viewer = Viewer(
        id=inside.principal.id,
        key=inside.principal.key,
        bid=tenant.slug,
        supervises=True,
        own=None,
    )
    for callid, given in house().reviews.items():

        async def write(tx: Session, callid: str = callid, given: ReviewCreate = given) -> None:
            await reviews.assign(tx, viewer, callid, given)

        await inside.db.write(write)


async def _inside(server: Server, tenant: Tenant, email: str) -> Access:
    async with server.storage.read(None) as session:
        user = await auth_queries.find_user_by_email(session, email)
    assert user is not None, email
    principal = Principal(kind=PrincipalKind.USER, id=user.id, name=user.name, email=email)
    return Access(principal=principal, tenant=tenant, db=server.storage.database(tenant.id))
