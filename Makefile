# `make` alone lists what there is. Continuous integration calls these targets and nothing else.

VENV := .venv/bin
WEIGHTS ?= imagenet
OUT ?= var/trained
MINUTES ?= 30
LONG_ATTACKS := tests/diagnosis/access/roles.py tests/diagnosis/api/contract.py tests/diagnosis/intake/mutated_files.py

.DEFAULT_GOAL := help
.PHONY: help setup setup-train setup-traces setup-dev run demo test test-all verify verify-long verify-upgrade reliability bench tour train lint types format rooms mutate sbom vulnerabilities lock coverage clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## Make .venv and install what a site needs to serve (PYTHON= names an interpreter)
	@scripts/install requirements-serve.lock

setup-train: setup ## Add TensorFlow: for training, and for predictions on a GPU
	@scripts/install requirements-train.lock

setup-traces: setup ## Add OpenTelemetry: for OTEL_EXPORTER_OTLP_ENDPOINT
	@scripts/install requirements-traces.lock

setup-dev: setup-train
	@scripts/install requirements-dev.lock

run: setup ## Start the site on http://127.0.0.1:8000 (PORT=, DATA_DIR=); Ctrl-C stops it
	@exec $(VENV)/python manage.py run_site

demo: setup ## Like run, with three sample cases
	@scripts/install requirements-demo.lock
	@exec $(VENV)/python manage.py run_site --demo

test: setup-dev ## Run the fast tests; needs no server
	@scripts/install requirements-demo.lock
	@$(VENV)/python -m pytest -n auto -m "not slow" $(ARGS)
	@scripts/check-frontend test

test-all: setup-dev ## Run the slow ones besides: trainings, many scans on each engine, migrations there and back
	@scripts/install requirements-demo.lock
	@$(VENV)/python -m pytest -n auto $(ARGS)
	@scripts/check-frontend test

verify reliability: export SECURITY_ROWS := $(CURDIR)/var/security.jsonl

verify: setup-dev ## Run journeys and faults on PostgreSQL, Redis and Chromium
	@scripts/require-services
	@rm -f var/reliability.jsonl var/security.jsonl
	@# A socket whose other end was killed is collected during some later test, which is not to blame.
	@$(VENV)/python -m pytest tests/verification -m verification -p no:randomly --durations=25 --durations-min=5 --no-fold-skipped \
		-W "ignore:unclosed <socket:ResourceWarning"

verify-long: setup-dev ## Use the whole site for MINUTES=30 and see whether what its programs hold grows; see docs/reliability.md
	@scripts/require-services
	@scripts/install requirements-demo.lock
	@$(VENV)/python -m tests.verification.soak --minutes $(MINUTES)

verify-upgrade: setup-dev ## Run the version FROM=commit and this one side by side, on PostgreSQL and Redis
	@scripts/install requirements-demo.lock
	@$(VENV)/python -m tests.verification.upgrade "$(FROM)"

reliability: setup-dev ## Run the attacks, and write what they and `make verify` found into docs/figures
	@$(VENV)/python -m pytest -q -n auto -m attack && $(VENV)/python -m pytest -q -n auto $(LONG_ATTACKS); status=$$?; \
	$(VENV)/python -m tests.verification.reliability && \
	$(VENV)/python -m tests.verification.security && exit $$status

bench: setup-dev ## Measure speed and memory, half an hour (ARGS=--only forward,predict); writes var/bench.json
	@scripts/install requirements-demo.lock
	@$(VENV)/python -m bench $(ARGS)

tour: setup-dev ## Take the pictures of docs/tour.md again (needs Chromium; ARGS="--only NAME,NAME" for some)
	@scripts/install requirements-demo.lock
	@$(VENV)/python -m tests.verification.tour $(ARGS)

train: setup-train ## Train and evaluate on DATA=folder with a data table (WEIGHTS=, OUT=, ARGS=)
	@test -n "$(DATA)" || { echo "Name the folder of the data table: make train DATA=folder (see docs/data.md)" >&2; exit 2; }
	@scripts/install requirements-demo.lock
	@$(VENV)/python -m ml train --data "$(DATA)" --out "$(OUT)" --weights "$(WEIGHTS)" $(ARGS)

lint: setup-dev ## Check style, imports between packages, insecure patterns, secrets, and that no migration is missing
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/lint-imports
	@$(VENV)/bandit --quiet -ll --configfile pyproject.toml --recursive brainscan diagnosis ml bench scripts manage.py
	@$(VENV)/python -m scripts.check_secrets
	@scripts/check-frontend lint
	@! test -x $(VENV)/hadolint || $(VENV)/hadolint Dockerfile
	@SECRET_KEY=lint DATABASE_URL=sqlite://:memory: $(VENV)/python manage.py makemigrations --check --dry-run

types: setup-dev ## Check types
	@$(VENV)/python -m mypy

format: setup-dev ## Rewrite the sources in the house style
	@$(VENV)/ruff check --fix-only .
	@$(VENV)/ruff format .
	@[ ! -x node_modules/.bin/biome ] || node_modules/.bin/biome check --write .

coverage: ## Run all these tests a third slower, and show which lines and branches they miss; fails below the floor
	@$(MAKE) --no-print-directory test-all ARGS="--cov --cov-report=term-missing:skip-covered"

rooms: setup-dev ## Draw docs/figures/rooms.svg again from the imports
	@$(VENV)/python -m scripts.draw_rooms

mutate: setup-dev ## Change lines of the rules that must hold, and see whether a test notices (hours; ARGS="'diagnosis.deid.jpeg*'" for some)
	@scripts/install-beside mutate
	@# An absolute path: tests run in a folder of their own, and start programs there that import what was changed.
	@# One at a time: forks share DATA_DIR, and the second would stop the queue of the first, whose tests then fail.
	@PYTHONPATH=$(CURDIR)/.venv/mutate $(VENV)/python -m mutmut run --max-children 1 $(ARGS)
	@PYTHONPATH=$(CURDIR)/.venv/mutate $(VENV)/python -m mutmut results

sbom: setup ## Write a bill of materials (CycloneDX) and the licenses of what serves into var/sbom
	@scripts/sbom var/sbom

vulnerabilities: setup ## Check the locks for known vulnerabilities and the images for digests; says so where none can be asked for
	@$(VENV)/python -m scripts.pin_images --check
	@scripts/install-beside supply
	@PYTHONPATH=.venv/supply $(VENV)/python -m scripts.check_vulnerabilities

lock: ## Pin requirements*.txt again, with hashes (needs uv)
	@scripts/lock

clean: ## Remove the virtual environment and caches; var/ with its data stays
	rm -rf .venv node_modules mutants .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov .coverage
