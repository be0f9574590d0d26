# `make help` lists what this file can do.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "Python cannot make virtual environments here: apt-get install python3-venv"; exit 1; }

# The stamps carry the locked set that is installed; the development set contains the other one.
$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	@test -f $(VENV)/.dev || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@ $(VENV)/.run

.PHONY: demo
demo: $(VENV)/.run ## build a fictional company, allocate its sprint, serve it on 127.0.0.1:8000
	@$(BIN)/broker demo --port $(PORT)

.PHONY: test
test: $(VENV)/.dev browser ## run every test: unit, property, integration, real browser
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: torture
torture: $(VENV)/.dev ## long stories, races, worlds, attacks on log and bundles, hosts killed
	@BROKER_TORTURE=1 $(BIN)/python -m pytest tests/property/test_ledger_machine.py \
	  tests/integration/test_close_race.py tests/integration/test_two_worlds.py \
	  tests/property/test_log_tampering.py tests/integration/test_bundles.py \
	  tests/integration/test_hosts.py tests/integration/test_crashes.py -s

.PHONY: browser
browser: $(VENV)/.dev
	@PATH="$(PATH)" bash tests/browser/install.sh

.PHONY: lint
lint: $(VENV)/.dev ## ruff: rules and format; bandit; packages that fit each other
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive allocation broker web
	@$(BIN)/pip check --disable-pip-version-check

.PHONY: types
types: $(VENV)/.dev ## mypy, strict
	@$(BIN)/mypy

.PHONY: contracts
contracts: $(VENV)/.dev ## import-linter: the arrow web, broker, allocation
	@$(BIN)/lint-imports

.PHONY: check
check: lint types contracts test ## what CI runs

.PHONY: bench
bench: $(VENV)/.dev ## the long measurements; writes docs/BENCHMARKS.md
	@$(BIN)/python -m bench

.PHONY: screenshots
screenshots: $(VENV)/.dev ## take the pictures of the documents from the demo, into docs/images
	@$(BIN)/python -m bench.screenshots

.PHONY: lock
lock: $(VENV)/.dev ## pin the newest allowed versions, with hashes
	@$(BIN)/pip-compile $(LOCK) --extra build -o requirements.lock pyproject.toml
	@$(BIN)/pip-compile $(LOCK) --extra build --extra oidc --extra postgres -o requirements-server.lock pyproject.toml
	@$(BIN)/pip-compile $(LOCK) --extra build --extra dev -o requirements-dev.lock pyproject.toml
LOCK := --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --no-header \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: clean
clean: ## remove what was built and installed here
	@rm -rf $(VENV) node_modules build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
