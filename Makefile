# What you can ask for: make demo, test, check, prove, bench, docs, lock, build, clean.
# Only Python 3.11 or newer is needed; everything else is installed into .venv.

VENV ?= .venv
WORKERS ?= 2
COVERED := 100 # per cent of core and services, branches included
PYTHON ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCK := $(BIN)/python -m piptools compile --quiet --no-header --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: help demo test check prove bench docs lock build clean

help:
	@sed -n '1,2s/^# //p' Makefile

demo: $(VENV)/.installed
	@PATH="$(abspath $(BIN)):$$PATH" sh examples/etl/demo.sh

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n $(WORKERS)

# The one gate: what is merged has passed it.
check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(WORKERS) --cov=chalicelib/core --cov=chalicelib/services \
		--cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=$(COVERED)

# Long: processes killed at random, Hypothesis at depth, mutants of the core.
prove: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m prove tests/prove
	$(BIN)/python -m pytest --hypothesis-profile prove -n $(WORKERS) tests/unit
	$(BIN)/mutmut run --max-children $(WORKERS) | tail -n 1
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/mutmut results
	$(BIN)/python -m tests.prove.mutants

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.run

# The pages and parts of pages that are made from the code.
docs: $(VENV)/.installed-dev
	$(BIN)/python -m docs.generate

# Newer versions of everything: requirements-dev.txt from the ranges in pyproject.toml, and
# requirements.txt, what Lambda installs, from the same versions.
lock: $(VENV)/.installed-dev
	$(PIP) install --quiet pip-tools
	$(LOCK) --upgrade --extra dev --output-file requirements-dev.txt pyproject.toml
	printf 'pydantic\npyyaml\n' | $(LOCK) --upgrade --generate-hashes \
		--constraint requirements-dev.txt --output-file requirements.txt -

build: $(VENV)/.installed-dev
	$(BIN)/python -m build

clean:
	rm -rf build dist mutants *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache

# pip takes hashes for all of an installation or for none: requirements.txt has them, so it goes
# first and alone.
$(VENV)/.installed: pyproject.toml requirements.txt requirements-dev.txt | $(VENV)/.made
	@echo "Installing batch-scheduler into $(VENV) ..."
	@$(PIP) install --quiet -r requirements.txt
	@$(PIP) install --quiet -c requirements-dev.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing the tools of the tests into $(VENV) ..."
	@$(PIP) install --quiet -r requirements-dev.txt
	@touch $@

# Each candidate is run: the name of a version manager's python says nothing of its version.
$(VENV)/.made:
	@for candidate in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$("$$candidate" --version) ..."; \
			"$$candidate" -m venv $(VENV) && touch $@; exit; \
		fi; \
	done; \
	echo "batch-scheduler needs Python 3.11 or newer, and none was found on the PATH;" \
		"install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1
