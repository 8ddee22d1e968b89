# What you can ask for: make demo, serve, test, check, prove, rehearse, bench, cost, docs, lock, build, clean.
# On AWS, with STAGE=dev or another: make deploy, diff, package, destroy, smoke; and make lint-aws.
# Besides, before a change of the image or of shell scripts: make lint-image.
# Only Python 3.11 or newer is needed; everything else is installed into .venv.

VENV ?= .venv
WORKERS ?= 2
COVERED := 100 # per cent of core and services, branches included, by unit tests alone
PYTHON ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCK := $(BIN)/python -m piptools compile --quiet --no-header --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

STAGE ?=
DATA ?=
ONLY ?=
TOOLS := .venv-tools
DEPLOY = $(BIN)/python -m cloudformation.deploy

comma := ,
# Puts a first line, a comment, above a file.
head = @(echo '\# $(subst ','\'',$(2))'; cat $(1)) > $(1).new && mv $(1).new $(1)

.PHONY: help demo serve test check prove rehearse bench cost docs lock build clean
.PHONY: deploy diff package destroy smoke lint-aws lint-image needs-stage

help:
	@sed -n '1,4s/^# //p' Makefile

demo: $(VENV)/.installed $(VENV)/.installed-examples
	@PATH="$(abspath $(BIN)):$$PATH" sh examples/etl/demo.sh
	@PATH="$(abspath $(BIN)):$$PATH" sh examples/edw/demo.sh

# The HTTP API of the state directory, on this machine; make serve PORT=8081
serve: $(VENV)/.installed
	@$(BIN)/batch-scheduler serve $(if $(PORT),--port $(PORT))

PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
# Tests start hundreds of processes: without bytecode each of them compiles what it imports.
test check prove rehearse: export PYTHONDONTWRITEBYTECODE :=

test: $(VENV)/.installed-dev
	@$(PYTEST)

# The one gate: what is merged has passed it. Coverage is that of the unit tests alone: they
# are quick, and to be counted takes a test as long again as it takes itself.
check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) tests/unit --cov=chalicelib/core --cov=chalicelib/services \
		--cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=$(COVERED)
	$(PYTEST) --ignore=tests/unit

KILLING := tests/prove/test_killed_engines.py # real processes, which need the processors

# Long: random worlds and stages, processes killed at random, Hypothesis at depth, mutants of the
# core.
prove: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m prove -n $(WORKERS) --dist worksteal --ignore $(KILLING)
	$(BIN)/python -m pytest -m prove $(KILLING)
	$(BIN)/python -m pytest --hypothesis-profile prove -n $(WORKERS) tests/unit
	$(BIN)/mutmut run --max-children $(WORKERS) | tail -n 1
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/mutmut results
	$(BIN)/python -m tests.prove.mutants

# Long: the AWS edition on moto, and at its largest on the strict fake.
rehearse: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m rehearse -n $(WORKERS) --dist worksteal

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.serving
	$(BIN)/python -m benchmarks.ticking

# Long: what runs of 10 to 10,000 jobs cost on AWS, measured on the strict fake: docs/cost.md
cost: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.cost

# The pages and parts of pages that are made from the code.
docs: $(VENV)/.installed-dev
	$(BIN)/python -m docs.generate

# Newer versions of everything: requirements-dev.txt from the ranges in pyproject.toml, and
# requirements.txt, what Lambda installs, from the same versions.
lock: $(VENV)/.installed-dev
	$(PIP) install --quiet pip-tools
	$(LOCK) --upgrade --extra aws --extra jobs --extra examples --extra dev --output-file requirements-dev.txt pyproject.toml
	$(call head,requirements-dev.txt,What we install besides: the terminal$(comma) the AWS edition's tools$(comma) the tests'. Made by `make lock`.)
	printf 'pydantic\npyyaml\ncronsim\nholidays\ntzdata\n' | $(LOCK) --upgrade --generate-hashes \
		--constraint requirements-dev.txt --output-file requirements.txt -
	$(call head,requirements.txt,What Lambda installs. Made by `make lock`; every version and every file of it is fixed.)
	printf 'boto3\nasyncssh\n' | $(LOCK) --upgrade --generate-hashes \
		--constraint requirements-dev.txt --output-file fetch_and_run/requirements.txt -
	$(call head,fetch_and_run/requirements.txt,What the image of batch-job installs. Made by `make lock`; every version and every file of it is fixed.)
	$(LOCK) --upgrade --output-file requirements-tools.txt requirements-tools.in

# A stage on AWS: credentials and region by boto3's ordinary chain. docs/how-to/deploy-on-aws.md
deploy: needs-stage $(VENV)/.installed-aws
	@$(DEPLOY) deploy --stage "$(STAGE)"

# What deploy would change; changes nothing.
diff: needs-stage $(VENV)/.installed-aws
	@$(DEPLOY) diff --stage "$(STAGE)"

# For CI/CD: build/package/<stage>, the same bytes for the same sources.
package: needs-stage $(VENV)/.installed-aws
	@$(DEPLOY) package --stage "$(STAGE)"

# Asks first. Tables and buckets stay, unless DATA=delete.
destroy: needs-stage $(VENV)/.installed-aws
	@$(DEPLOY) destroy --stage "$(STAGE)" $(if $(filter delete,$(DATA)),--data)

# Whether AWS behaves as we rely on, on a deployed stage: docs/unverified.md. About ten minutes, and
# less than 0.10 US dollars. ONLY=dynamo makes only the checks whose names begin so.
smoke: needs-stage $(VENV)/.installed-aws
	@$(BIN)/python -m smoke --stage "$(STAGE)" $(if $(ONLY),--only $(ONLY))

needs-stage:
	@test -n "$(STAGE)" || { echo "Name the stage: make deploy STAGE=dev" >&2; exit 1; }

# Templates, policies and the example of CI/CD, by tools in an environment of their own. Accepted
# findings, each with its reason: cloudformation/checkov.yaml and cloudformation/exceptions.yaml.
lint-aws: $(VENV)/.installed-aws $(TOOLS)/.installed
	@rm -rf build/lint && mkdir -p build/lint
	@$(DEPLOY) package --stage dev --to build/lint
	@$(DEPLOY) template --stage dev --to build/lint
	$(TOOLS)/bin/cfn-lint examples/edw/aws.yaml \
		build/lint/companion.json build/lint/state.json build/lint/jobs.json \
		build/lint/functions.json build/lint/sam.json
	$(TOOLS)/bin/checkov --config-file cloudformation/checkov.yaml --skip-download --quiet --compact \
		--framework cloudformation \
		-f build/lint/companion.json build/lint/state.json build/lint/jobs.json \
		build/lint/functions.json build/lint/sam.json
	$(TOOLS)/bin/python -W ignore::UserWarning cloudformation/lint_policies.py build/lint/policies
	$(TOOLS)/bin/zizmor --offline --no-progress --persona pedantic examples/github-actions/*.yml

$(TOOLS)/.installed: requirements-tools.txt | $(VENV)/.made
	@$(BIN)/python -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip --disable-pip-version-check install --quiet -r requirements-tools.txt
	@touch $@

# The image of batch-job, scripts of the shell, and what bandit knows of Python that is dangerous.
# What it is less sure of, or finds less bad, ruff's S rules have asked a reason for line by line.
lint-image: $(VENV)/.installed-dev
	$(BIN)/hadolint fetch_and_run/Dockerfile
	$(BIN)/shellcheck $$(git ls-files '*.sh')
	$(BIN)/bandit --quiet --severity-level medium --confidence-level medium -r chalicelib fetch_and_run

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

$(VENV)/.installed-examples: $(VENV)/.installed
	@echo "Installing what the second act of the demo works with ..."
	@$(PIP) install --quiet -c requirements-dev.txt -e ".[examples]"
	@touch $@

$(VENV)/.installed-aws: $(VENV)/.installed
	@$(PIP) install --quiet -c requirements-dev.txt -e ".[aws]"
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
