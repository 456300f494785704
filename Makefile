# `make` alone lists the targets.
VENV := .venv
PY := $(VENV)/bin/python
BIN := $(VENV)/bin
DB ?= sqlite
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test check format chaos bench examples lock routes clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  \1\t/' | expand -t 14

setup: $(VENV)/.ready  ## make the virtual environment from requirements.lock

$(VENV)/.ready: requirements.lock pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh $(VENV)
	@touch $@

demo: setup  ## load the demo data, serve, print the address and logins
	@$(BIN)/locutory demo

dev: setup  ## serve with reload, for work on the code
	@$(BIN)/locutory serve --reload

test: check  ## everything that must hold: lint, types, import rules, tests (DB=postgresql runs all there, DB=both on both)
	@LOCUTORY_TEST_DB=$(DB) $(PY) -m pytest -n 2 --dist loadfile

check: setup  ## lint, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup  ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

chaos: setup  ## kill -9 at every boundary, three seeds, both databases
	@LOCUTORY_CHAOS_SEEDS=3 $(PY) -m pytest -m chaos

bench: setup  ## the trend of every bench (see benches/)
	@$(PY) -m benches.all --quick

examples: setup  ## record the examples of the API anew, from a running server
	@$(PY) scripts/record_examples.py

lock: setup  ## renew requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group test --group lint --group bench --generate-hashes --no-emit-index-url --python-version 3.11 -q -o requirements.lock

clean:  ## remove the virtual environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
