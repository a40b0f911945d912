# Everything a developer or an operator types; `make help` prints what is written behind ##.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements-dev.lock
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup servers demo run test check format lock bench soak clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## Make the virtual environment and install the locked dependencies (leaves .venv/bin/esb)

$(VENV)/.ready: $(LOCK) pyproject.toml
	@bash .ci/setup "$(PYTHON)" "$(VENV)" "$(LOCK)"
	@touch $@

servers: ## Install RabbitMQ, PostgreSQL, OpenSSH, Redis and Node from Debian where they are missing (tests use private instances)
	@bash .ci/servers

demo: setup ## Run the distributor's project against sandbox systems and check that nothing is lost or doubled
	@$(BIN)/python -m esb.testing.sandbox.demo

run: setup ## Run the project with a drop folder and a webhook address to play with, until Ctrl-C
	@$(BIN)/python -m esb.testing.sandbox.play

test: setup servers ## Run all tests (private RabbitMQ and PostgreSQL, started and stopped by the tests)
	@$(BIN)/pytest -n 2 --dist loadfile -m "not soak" $(TESTS)

check: setup ## Lint, format check, types and storeys
	@$(BIN)/ruff check esb tests bench
	@$(BIN)/ruff format --check esb tests bench
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## Format the code
	@$(BIN)/ruff check --fix esb tests bench
	@$(BIN)/ruff format esb tests bench

lock: ## Renew the lock files (needs uv)
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --upgrade -q pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --upgrade -q --group dev pyproject.toml -o requirements-dev.lock

bench: setup servers ## Measure: relay, webhooks, files, EDI
	@$(BIN)/python -m bench

soak: setup servers ## Long runs: kills, simulated worlds, mutations (resumable)
	@$(BIN)/pytest -m soak --timeout 3600 tests
	@$(BIN)/python -m esb.testing.simulation --worlds 20000

clean: ## Remove what was made here
	rm -rf $(VENV) var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
