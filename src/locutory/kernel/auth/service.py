"""Logging in and out: sessions of refresh tokens, the lock-out, passwords, stream tickets."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, update

from locutory.kernel.audit import audit
from locutory.kernel.auth import queries
from locutory.kernel.auth.contract import (
    BadCredentials,
    LoginLocked,
    Membership,
    Principal,
    PrincipalKind,
    TenantNotFound,
    TokenInvalid,
)
from locutory.kernel.auth.gate import CHANGED, Auth
from locutory.kernel.auth.models import (
    LoginFailureRow,
    RefreshTokenRow,
    StreamTicketRow,
    UserRow,
)
from locutory.kernel.auth.tokens import hashed, new_secret
from locutory.kernel.db import Session
from locutory.kernel.errors import ForbiddenError, InvalidError
from locutory.kernel.ids import new_id

TICKET_LIFE = timedelta(seconds=60)
_MOST_BUSINESSES = 200  # of a platform administrator, in one answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A login, or its continuation."""

    access_token: str
    refresh_token: str
    user: UserRow
    memberships: tuple[Membership, ...]


async def login(
    auth: Auth, email: str, password: str, *, address: str, slug: str | None = None
) -> Opened:
    """Open a session. Raises BadCredentials, LoginLocked; TenantNotFound for a wrong `slug`."""
    user, renewed_hash = await _verified(auth, email, password, address=address)

    async def store(tx: Session) -> Opened:
        memberships = await _memberships(auth, tx, user)
        tenant_id = await _choose(tx, user, memberships, slug=slug)
        await _forget_failures(tx, email, address)
        await tx.execute(
            delete(RefreshTokenRow).where(
                RefreshTokenRow.user_id == user.id, RefreshTokenRow.expires_at <= auth.clock()
            )
        )
        if renewed_hash is not None:
            await tx.execute(
                update(UserRow).where(UserRow.id == user.id).values(password_hash=renewed_hash)
            )
        await audit(tx, actor=f"user:{user.id}", action="auth.login", object=f"user:{user.id}")
        return _issue(auth, tx, user, memberships, tenant_id, family=new_id())

    return await auth.db.write(store)


async def refresh(auth: Auth, token: str, *, slug: str | None = None) -> Opened:
    """Exchange a refresh token, once. Using one twice ends its session.

    Raises TokenInvalid; TenantNotFound for a wrong `slug`, and the token stays good.
    """

    async def rotate(tx: Session) -> Opened | None:
        now = auth.clock()
        claimed = await tx.execute(
            update(RefreshTokenRow)
            .where(
                RefreshTokenRow.hash == hashed(token),
                RefreshTokenRow.used_at.is_(None),
                RefreshTokenRow.revoked_at.is_(None),
                RefreshTokenRow.expires_at > now,
            )
            .values(used_at=now)
            .returning(RefreshTokenRow.family, RefreshTokenRow.user_id, RefreshTokenRow.tenant_id)
            .execution_options(synchronize_session=False)
        )
        row = claimed.first()
        if row is None:
            await _punish_reuse(tx, token, now)
            return None
        user = await queries.find_user(tx, row.user_id)
        if user is None or not user.active:
            return None
        memberships = await _memberships(auth, tx, user)
        tenant_id = await _choose(tx, user, memberships, slug=slug, kept=row.tenant_id)
        await audit(tx, actor=f"user:{user.id}", action="auth.refresh", object=f"user:{user.id}")
        return _issue(auth, tx, user, memberships, tenant_id, family=row.family)

    opened = await auth.db.write(rotate)
    if opened is None:  # raised here: the revocation above must be committed
        raise TokenInvalid("this refresh token is not valid (any more)", code="REFRESH_INVALID")
    return opened


async def logout(auth: Auth, principal: Principal) -> None:
    """End the session of the caller's token, access tokens included."""
    session_id = principal.session_id
    if session_id is None:
        return

    async def end(tx: Session) -> None:
        await _revoke(tx, auth.clock(), RefreshTokenRow.family == session_id)
        await audit(tx, actor=principal.key, action="auth.logout", object=f"session:{session_id}")

    await auth.db.write(end)


async def change_password(
    auth: Auth, principal: Principal, *, current: str, new: str, address: str
) -> None:
    """Set one's own password and end one's other sessions.

    Raises BadCredentials, LoginLocked; ForbiddenError for callers without a password, and
    InvalidError for the same password again: a one-time password is for one time.
    """
    if principal.kind != PrincipalKind.USER or principal.email is None:
        raise ForbiddenError("only users have a password")
    if new == current:
        fault = {"field": "new_password", "code": "PASSWORD_SAME", "message": "choose another"}
        raise InvalidError("this is the password that you have", errors=[fault])
    email = principal.email
    await _verified(auth, email, current, address=address)
    password_hash = await auth.passwords.hash(new)

    async def store(tx: Session) -> None:
        await _forget_failures(tx, email, address)
        await tx.execute(
            update(UserRow)
            .where(UserRow.id == principal.id)
            .values(password_hash=password_hash, password_temporary=False)
        )
        await _revoke(
            tx,
            auth.clock(),
            RefreshTokenRow.user_id == principal.id,
            RefreshTokenRow.family != principal.session_id,
        )
        await audit(tx, actor=principal.key, action="auth.password", object=principal.key)

    await auth.db.write(store)


async def issue_ticket(auth: Auth, principal: Principal) -> str:
    """A ticket for one stream of the caller's current tenant, good for 60 s in any process."""
    tenant_id = principal.tenant.id
    ticket = new_secret()

    async def store(tx: Session) -> None:
        now = auth.clock()
        await tx.execute(delete(StreamTicketRow).where(StreamTicketRow.expires_at <= now))
        tx.add(
            StreamTicketRow(
                hash=hashed(ticket),
                kind=principal.kind,
                subject_id=principal.id,
                session_id=principal.session_id,
                tenant_id=tenant_id,
                expires_at=now + TICKET_LIFE,
            )
        )
        await audit(tx, actor=principal.key, action="auth.ticket", object=f"tenant:{tenant_id}")

    await auth.db.write(store)
    return ticket


async def redeem_ticket(auth: Auth, ticket: str) -> Principal:
    """The caller behind a ticket, confined to the ticket's tenant. Raises TokenInvalid."""

    async def take(tx: Session) -> tuple[str, UUID, UUID | None, UUID] | None:
        taken = await tx.execute(
            delete(StreamTicketRow)
            .where(
                StreamTicketRow.hash == hashed(ticket), StreamTicketRow.expires_at > auth.clock()
            )
            .returning(
                StreamTicketRow.kind,
                StreamTicketRow.subject_id,
                StreamTicketRow.session_id,
                StreamTicketRow.tenant_id,
            )
            .execution_options(synchronize_session=False)
        )
        row = taken.first()
        return None if row is None else (row[0], row[1], row[2], row[3])

    row = await auth.db.write(take)
    if row is None:
        raise TokenInvalid("this ticket is not valid (any more)", code="TICKET_INVALID")
    kind, subject_id, session_id, tenant_id = row
    if kind == PrincipalKind.USER:
        principal = await auth.user(subject_id, tenant_id, session_id)
    elif kind == PrincipalKind.API_KEY:
        principal = await auth.api_key(subject_id)
    else:
        principal = await auth.loopback(tenant_id)
    if principal.current is None or principal.current.tenant.id != tenant_id:
        raise TokenInvalid("this ticket is not valid (any more)", code="TICKET_INVALID")
    return replace(principal, platform_admin=False, memberships=(principal.current,))


async def businesses_of(auth: Auth, principal: Principal) -> tuple[Membership, ...]:
    """Where the caller may go; for a platform administrator the first 200 tenants."""
    if not principal.platform_admin:
        return principal.memberships
    async with auth.db.read() as session:
        return await _all_memberships(auth, session, principal.memberships)


async def _verified(
    auth: Auth, email: str, password: str, *, address: str
) -> tuple[UserRow, str | None]:
    """The user of these credentials, and a new hash where the stored one is out of date.

    An unknown e-mail takes the same steps, the same time and the same answer as a wrong password.
    """
    who = _who(email, address)
    async with auth.turn(who):
        async with auth.db.read() as session:
            await _refuse_locked(auth, session, who)
            user = await queries.find_user_by_email(session, email)
        stored = user.password_hash if user is not None and user.active else None
        right, renewed_hash = await auth.passwords.verify(password, stored)
        if user is None or not right:
            await auth.db.write(lambda tx: _note_failure(auth, tx, who))
            raise BadCredentials
    return user, renewed_hash


async def _refuse_locked(auth: Auth, session: Session, who: str) -> None:
    most = auth.settings.lockout_failures
    failures = await queries.latest_failures(session, who, limit=most)
    if len(failures) < most:
        return
    opens = failures[-1] + timedelta(minutes=auth.settings.lockout_minutes)
    wait_s = (opens - auth.clock()).total_seconds()
    if wait_s > 0:
        raise LoginLocked(retry_after=wait_s)


async def _note_failure(auth: Auth, tx: Session, who: str) -> None:
    now = auth.clock()
    window = timedelta(minutes=auth.settings.lockout_minutes)
    await tx.execute(delete(LoginFailureRow).where(LoginFailureRow.at <= now - window))
    tx.add(LoginFailureRow(who=who, at=now))
    await audit(tx, actor="anonymous", action="auth.login_failed", object=f"login:{who[:16]}")


async def _forget_failures(tx: Session, email: str, address: str) -> None:
    await tx.execute(delete(LoginFailureRow).where(LoginFailureRow.who == _who(email, address)))


def _who(email: str, address: str) -> str:
    return hashed(f"{email}|{address}")


async def _memberships(auth: Auth, session: Session, user: UserRow) -> tuple[Membership, ...]:
    mine = await auth.memberships(session, user.id)
    return await _all_memberships(auth, session, mine) if user.platform_admin else mine


async def _all_memberships(
    auth: Auth, session: Session, mine: tuple[Membership, ...]
) -> tuple[Membership, ...]:
    by_id = {m.tenant.id: m for m in mine}
    tenants = (await queries.list_tenants(session, limit=_MOST_BUSINESSES))[:_MOST_BUSINESSES]
    others = (auth.membership_of_admin(t) for t in tenants if t.id not in by_id)
    return (*mine, *others)


async def _choose(
    tx: Session,
    user: UserRow,
    memberships: tuple[Membership, ...],
    *,
    slug: str | None,
    kept: UUID | None = None,
) -> UUID | None:
    """The current tenant: the one asked for, else the one before, else the first, else none."""
    if slug is None:
        if kept is not None and (user.platform_admin or _is_in(memberships, kept)):
            return kept
        return memberships[0].tenant.id if memberships else None
    for membership in memberships:
        if membership.tenant.slug == slug:
            return membership.tenant.id
    tenant = await queries.find_tenant(tx, slug) if user.platform_admin else None
    if tenant is None:
        raise TenantNotFound
    return tenant.id


def _is_in(memberships: tuple[Membership, ...], tenant_id: UUID) -> bool:
    return any(m.tenant.id == tenant_id for m in memberships)


def _issue(
    auth: Auth,
    tx: Session,
    user: UserRow,
    memberships: tuple[Membership, ...],
    tenant_id: UUID | None,
    *,
    family: UUID,
) -> Opened:
    secret = new_secret()
    tx.add(
        RefreshTokenRow(
            hash=hashed(secret),
            family=family,
            user_id=user.id,
            tenant_id=tenant_id,
            expires_at=auth.clock() + timedelta(days=auth.settings.refresh_days),
        )
    )
    access = auth.tokens.sign(user_id=user.id, tenant_id=tenant_id, session_id=family)
    return Opened(access_token=access, refresh_token=secret, user=user, memberships=memberships)


async def _punish_reuse(tx: Session, token: str, now: datetime) -> None:
    row = await queries.find_refresh_token(tx, hashed(token))
    if row is None or row.used_at is None or row.revoked_at is not None:
        return
    await _revoke(tx, now, RefreshTokenRow.family == row.family)
    await audit(
        tx,
        actor=f"user:{row.user_id}",
        action="auth.refresh_reused",
        object=f"session:{row.family}",
    )


async def _revoke(tx: Session, now: datetime, *which: ColumnElement[bool]) -> None:
    await tx.execute(
        update(RefreshTokenRow)
        .where(RefreshTokenRow.revoked_at.is_(None), *which)
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )
    tx.signal(CHANGED)
