"""Templates, reviews and agreement over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from locutory.capabilities.analysis.api import Analyst
from locutory.kernel.auth.contract import Access, NoTenant, ScopeMissing, TenantNotFound
from locutory.kernel.auth.dependencies import (
    Db,
    SecuredRouter,
    SettledPrincipal,
    TheAuth,
    access,
)
from locutory.kernel.auth.service import businesses_of
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.preconditions import IfMatch
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.reviews.schemas import (
    AgreementAsk,
    AgreementReport,
    CallReviews,
    DisputeWrite,
    DrawAsk,
    DrawRead,
    PreviewAsk,
    PreviewRead,
    QualityParameters,
    ResolveWrite,
    ReviewCreate,
    ReviewPage,
    ReviewQueue,
    ReviewRead,
    ReviewUpdate,
    SamplingRead,
    SamplingWrite,
    TemplateList,
    TemplatePage,
    TemplateRead,
    TemplateWrite,
    VersionAsk,
)
from locutory.products.calls.reviews.service import reading, report, reviews, sampling, templates
from locutory.products.calls.reviews.viewers import Viewer, viewer_of

router = SecuredRouter(tags=["calls quality"], dependencies=[rate_limit("default")])
Reader = Annotated[Access, access("calls:read")]
Scorer = Annotated[Access, access("calls:scoring")]
Grader = Annotated[Access, access("calls:write")]


async def _inside(principal: SettledPrincipal, auth: TheAuth, request: Request, bid: str) -> Access:
    inside = await auth.enter(principal, bid)
    tenant = inside.tenant
    return Access(principal=inside, tenant=tenant, db=request.app.state.storage.database(tenant.id))


async def _here(principal: SettledPrincipal, db: Db) -> Access:
    if principal.current is None:
        raise NoTenant
    return Access(principal=principal, tenant=principal.tenant, db=db)


def _analyst(request: Request) -> Analyst:
    analyst: Analyst = request.app.state.services.get(Analyst)
    return analyst


Inside = Annotated[Access, Depends(_inside)]
Here = Annotated[Access, Depends(_here)]
TheAnalyst = Annotated[Analyst, Depends(_analyst)]


@router.get("/scoring-templates/{bid}")
async def list_scoring_templates(
    inside: Scorer, ask: Annotated[TemplateList, Query()]
) -> TemplatePage:
    """A business's templates by name, each in its newest version."""
    return await templates.list_(inside.db, ask)


@router.post("/scoring-templates/{bid}", status_code=201, response_model=TemplateRead)
async def create_scoring_template(
    inside: Scorer, data: TemplateWrite, idempotent: Idempotent
) -> Response:
    """Write a template; it scores nothing until it is published."""
    actor = inside.principal.key
    return await idempotent.write(
        inside.db, lambda tx: templates.create(tx, data, actor=actor), 201
    )


@router.get("/scoring-templates/{bid}/{template_id}")
async def get_scoring_template(
    inside: Scorer, template_id: UUID, ask: Annotated[VersionAsk, Query()], response: Response
) -> TemplateRead:
    """A template in its newest (or another) version."""
    stored = await templates.get(inside.db, template_id, ask.version)
    response.headers["ETag"] = stored.etag
    return templates.read(stored)


@router.put("/scoring-templates/{bid}/{template_id}")
async def change_scoring_template(
    inside: Scorer,
    template_id: UUID,
    data: TemplateWrite,
    response: Response,
    if_match: IfMatch,
) -> TemplateRead:
    """Write the draft anew; of a published version, this makes the next one's draft."""
    stored = await templates.change(inside, template_id, data, expected=if_match)
    response.headers["ETag"] = stored.etag
    return templates.read(stored)


@router.delete("/scoring-templates/{bid}/{template_id}", status_code=204)
async def archive_scoring_template(inside: Scorer, template_id: UUID, if_match: IfMatch) -> None:
    """Take a template out of use; scores that it gave stay readable."""
    await templates.archive(inside, template_id, expected=if_match)


@router.post("/scoring-templates/{bid}/{template_id}/publish")
async def publish_scoring_template(
    inside: Scorer, template_id: UUID, response: Response, if_match: IfMatch
) -> TemplateRead:
    """Let the newest version score calls from now on; earlier scores stay as they are."""
    stored = await templates.publish(inside, template_id, expected=if_match)
    response.headers["ETag"] = stored.etag
    return templates.read(stored)


@router.post("/scoring-templates/{bid}/{template_id}/preview")
async def preview_scoring_template(
    inside: Scorer, template_id: UUID, ask: PreviewAsk, analyst: TheAnalyst
) -> PreviewRead:
    """Try a template on at most 20 calls; nothing is kept."""
    return await templates.preview(inside, analyst, template_id, ask)


@router.get("/quality-parameters/{bid}")
async def get_quality_parameters(inside: Reader) -> QualityParameters:
    """What calls are scored by where no template with conditions fits."""
    return await templates.quality_parameters(inside.db)


@router.get("/call-records/{bid}/{callid}/reviews")
async def list_call_reviews(inside: Inside, callid: str) -> CallReviews:
    """A call's reviews, and the questions that a new one answers."""
    viewer = await viewer_of(inside)
    return await reading.of_call(inside.db, viewer, callid)


@router.post("/call-records/{bid}/{callid}/reviews", status_code=201, response_model=ReviewRead)
async def create_call_review(
    inside: Inside, callid: str, data: ReviewCreate, idempotent: Idempotent
) -> Response:
    """Assign a review, give one at once, or open an agent's dispute."""
    viewer = await viewer_of(inside)
    await reviews.check_reviewer(inside, data)
    return await idempotent.write(
        inside.db, lambda tx: reviews.assign(tx, viewer, callid, data), 201
    )


@router.get("/reviews")
async def list_reviews(
    request: Request,
    auth: TheAuth,
    principal: SettledPrincipal,
    ask: Annotated[ReviewQueue, Query()],
) -> ReviewPage:
    """The queue over your businesses, what is due first at the top."""
    viewers: list[tuple[UUID, Viewer]] = []
    chosen = set(ask.bid)
    for membership in await businesses_of(auth, principal):
        tenant = membership.tenant
        if chosen and tenant.slug not in chosen:
            continue
        db = request.app.state.storage.database(tenant.id)
        inside = Access(principal=principal.within(membership), tenant=tenant, db=db)
        try:
            viewers.append((tenant.id, await viewer_of(inside)))
        except ScopeMissing:
            if chosen:
                raise
    if chosen - {viewer.bid for _, viewer in viewers}:
        raise TenantNotFound
    return await reading.queue(request.app.state.storage, viewers, ask)


@router.patch("/reviews/{review_id}")
async def change_review(inside: Here, review_id: UUID, data: ReviewUpdate) -> ReviewRead:
    """Keep answers, hand a review on, or submit it (`state: submitted`)."""
    viewer = await viewer_of(inside)
    if viewer.own is not None:
        raise ScopeMissing
    await reviews.check_reviewer(inside, data)
    return await inside.db.write(lambda tx: reviews.edit(tx, viewer, review_id, data))


@router.post("/reviews/{review_id}/acknowledge")
async def acknowledge_review(inside: Here, review_id: UUID) -> ReviewRead:
    """Accept a review of your own call."""
    viewer = await viewer_of(inside)
    return await inside.db.write(lambda tx: reviews.acknowledge(tx, viewer, review_id))


@router.post("/reviews/{review_id}/dispute")
async def dispute_review(inside: Here, review_id: UUID, data: DisputeWrite) -> ReviewRead:
    """Say which scores of your own call are wrong, within seven days of the review."""
    viewer = await viewer_of(inside)
    return await inside.db.write(lambda tx: reviews.dispute(tx, viewer, review_id, data))


@router.post("/reviews/{review_id}/resolve")
async def resolve_review(inside: Here, review_id: UUID, data: ResolveWrite) -> ReviewRead:
    """End a dispute: the score stands, or final answers replace it."""
    viewer = await viewer_of(inside)
    if viewer.own is not None:
        raise ScopeMissing
    return await inside.db.write(lambda tx: reviews.resolve(tx, viewer, review_id, data))


@router.get("/review-sampling/{bid}")
async def get_review_sampling(inside: Grader, response: Response) -> SamplingRead:
    """How many calls of each agent are drawn for review each week."""
    read, response.headers["ETag"] = await sampling.get(inside.db)
    return read


@router.put("/review-sampling/{bid}")
async def set_review_sampling(
    inside: Scorer, data: SamplingWrite, response: Response, if_match: IfMatch
) -> SamplingRead:
    """Say how reviews are drawn; the week that ended is drawn every Monday."""
    read, response.headers["ETag"] = await sampling.put(inside, data, expected=if_match)
    return read


@router.post("/review-sampling/{bid}/draw")
async def draw_reviews(inside: Scorer, ask: DrawAsk) -> DrawRead:
    """Draw a week's reviews now."""
    return await sampling.draw_now(inside, ask.week)


@router.get("/analytics/{bid}/agreement")
async def get_agreement(inside: Reader, ask: Annotated[AgreementAsk, Query()]) -> AgreementReport:
    """How far reviewers agree with one another and with the engine, per parameter."""
    return await report.report(inside.db, ask, asked_by=inside.principal.id)
