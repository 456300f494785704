"""A session that knows its tenant and fails closed.

Every ORM statement on a `TenantModel` gets the tenant's filter; every new row gets its id. What
the hook cannot see through (raw SQL, statements on bare tables) is refused unless the statement
says `execution_options(fenced=True)`: then its author has put the tenant in by hand.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState, SessionTransaction, with_loader_criteria
from sqlalchemy.orm import Session as SyncSession
from sqlalchemy.sql import text, visitors

from locutory.kernel.db.base import TenantModel


class TenantFenceError(RuntimeError):
    """Code reached for tenants' rows without saying whose."""


class _FencedSession(SyncSession):
    pass


class Session(AsyncSession):
    """A unit of work for one tenant, or for the kernel's own tables where tenant_id is None."""

    sync_session_class = _FencedSession

    @property
    def tenant_id(self) -> UUID:
        """The tenant of this session. Raises TenantFenceError on a kernel session."""
        tenant_id = self.info.get("tenant_id")
        if tenant_id is None:
            raise TenantFenceError("this session has no tenant")
        return tenant_id  # type: ignore[no-any-return] # info is untyped

    def signal(self, name: str) -> None:
        """Wake the listeners of `name` after this transaction has been committed."""
        self.info.setdefault("signals", set()).add(name)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do something quick after this transaction has been committed; it must not raise."""
        self.info.setdefault("after_commit", []).append(act)


_FENCED: tuple[type[TenantModel], ...] = (TenantModel,)


@event.listens_for(_FencedSession, "do_orm_execute")
def _fence(state: ORMExecuteState) -> None:
    tenant_id = state.session.info.get("tenant_id")
    if state.is_orm_statement:
        mappers = state.all_mappers
        fenced = next((m for m in mappers if issubclass(m.class_, _FENCED)), None)
        if tenant_id is None:
            # a count(*) names no entity in its columns, wherever its rows come from
            if fenced is None and not mappers:
                fenced = next(_mappers_within(state.statement), None)
            if fenced is not None:
                raise TenantFenceError(f"{fenced.class_.__name__} needs a tenant")
        elif state.is_insert:
            if fenced is not None:
                _stamp(state.parameters, tenant_id)
        else:
            state.statement = state.statement.options(
                with_loader_criteria(
                    TenantModel, lambda cls: cls.tenant_id == tenant_id, include_aliases=True
                )
            )
    elif tenant_id is not None and not state.execution_options.get("fenced"):
        raise TenantFenceError("raw SQL in a tenant's session must say fenced=True")


def _mappers_within(statement: Any) -> Iterator[Any]:
    """The fenced models that a statement reads anywhere."""
    for part in visitors.iterate(statement):
        mapper = getattr(part, "_annotations", {}).get("parententity")
        if mapper is not None and issubclass(mapper.class_, _FENCED):
            yield mapper


def _stamp(parameters: Any, tenant_id: UUID) -> None:
    rows = parameters if isinstance(parameters, list) else [parameters]
    if not rows or rows == [None]:
        raise TenantFenceError("insert with a list of rows, not with values()")
    for row in rows:
        if row.setdefault("tenant_id", tenant_id) != tenant_id:
            raise TenantFenceError("a row of another tenant")


@event.listens_for(_FencedSession, "before_flush")
def _own(session: SyncSession, context: Any, instances: Any) -> None:
    tenant_id = session.info.get("tenant_id")
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, TenantModel):
            continue
        if tenant_id is None:
            raise TenantFenceError(f"{type(row).__name__} needs a tenant")
        if row.tenant_id is None:
            row.tenant_id = tenant_id
        elif row.tenant_id != tenant_id:
            raise TenantFenceError("a row of another tenant")


_SET_TENANT = text("SELECT set_config('locutory.tenant_id', :tenant, true)")


@event.listens_for(_FencedSession, "after_begin")
def _tell_postgresql(
    session: SyncSession, transaction: SessionTransaction, connection: Any
) -> None:
    """Row-level security is the second fence; it lasts as long as the transaction."""
    tenant_id = session.info.get("tenant_id")
    if tenant_id is not None and connection.dialect.name == "postgresql":
        connection.execute(_SET_TENANT, {"tenant": str(tenant_id)})
