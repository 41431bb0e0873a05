# Everything here works with python3 (3.11 to 3.13), git and make alone; each target installs what it needs first.

PYTHON ?= python3
VENV := .venv/bin
# Idle workers take over what others have not begun; the longest begin first (tests/support/longest_first.py).
PYTEST := $(VENV)/python -m pytest -n 2 --dist worksteal --durations 20
PURE := tests/flow tests/config tests/golden tests/views tests/docs tests/adapters/pulumi
TOOLCHAIN := $(PYTHON) -m gitops.toolchain
UV ?= uv

.DEFAULT_GOAL := help
.PHONY: help demo check test test-all long lint bench kills toolchain lock clean python

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: python ## carry real changes through the pipeline in a local sandbox, while you watch
	@$(TOOLCHAIN) install --for demo
	@$(VENV)/gitops demo

check: python ## lint, types, contracts, and the tests that need nothing but Python and Git (a minute or two)
	@$(TOOLCHAIN) install --for environment
	@$(MAKE) --no-print-directory lint
	$(PYTEST) -m "not engine" $(PURE)

test: python ## check, and every tier of the tests on real tools but what is long by nature
	@$(TOOLCHAIN) install --for test
	@$(MAKE) --no-print-directory lint
	$(PYTEST) -m "not long"

test-all: test long kills ## test, and what is long by nature

long: python ## the tests that take minutes each: the whole demo, every planted secret with every failure
	@$(TOOLCHAIN) install --for test
	$(PYTEST) -m long

lint:
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports

bench: python ## measure the pipeline beside the plain Pulumi CLI, in one run
	@$(TOOLCHAIN) install --for demo
	@$(VENV)/python bench/pipeline.py
	@$(VENV)/python bench/affected.py
	@$(VENV)/python bench/ledger.py

kills: python ## kill a real apply at 50 random moments; each has to go on as approved (takes half an hour)
	@$(TOOLCHAIN) install --for demo
	@$(VENV)/python bench/kills.py

toolchain: python ## install every tool, and show where each comes from
	@$(TOOLCHAIN) install --for all
	@$(TOOLCHAIN) status

lock: ## compile requirements.lock from pyproject.toml (needs uv on PATH)
	@command -v $(UV) > /dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	$(UV) pip compile --universal --generate-hashes --all-extras --group dev --no-emit-index-url \
		--python-version 3.11 --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean: ## remove the Python environment and what the tests leave; built tools stay in ~/.cache/gitops
	@test ! -x $(VENV)/gitops || { $(VENV)/gitops sandbox down; $(VENV)/gitops sandbox down --folder .sandbox-demo; }
	rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Python 3.11 to 3.13 is needed. Name one: make PYTHON=python3.12 ..."; exit 1; }
