"""The use cases of agents."""

from locutory.products.calls.agents.service.configure import (
    archive,
    create,
    patch,
    publish,
    put,
    read_agents,
    read_library,
    read_one,
    read_versions,
    rollback,
    validate,
)
from locutory.products.calls.agents.service.reanalyze import (
    Upgraded,
    reanalyze,
    upgrade_degraded,
)
from locutory.products.calls.agents.service.trials import (
    give_up_trial,
    read_backtest,
    read_backtests,
    read_test_run,
    run_trial,
    start_backtest,
    test_run,
    test_run_inline,
)

__all__ = [
    "Upgraded",
    "archive",
    "create",
    "give_up_trial",
    "patch",
    "publish",
    "put",
    "read_agents",
    "read_backtest",
    "read_backtests",
    "read_library",
    "read_one",
    "read_test_run",
    "read_versions",
    "reanalyze",
    "rollback",
    "run_trial",
    "start_backtest",
    "test_run",
    "test_run_inline",
    "upgrade_degraded",
    "validate",
]
