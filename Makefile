# The commands of daily work; `make` alone prints them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: test-packages test-long help pipeline test test-pure bench record lint format reference up down status reset

# The engine to use: airgap, docker or runner; empty lets it be chosen, and says why.
export CI_ENGINE ?=
# Where `make pipeline` pushes to: a registry on this machine.
REGISTRY ?= 127.0.0.1:5000/aip
# No tool of this Makefile reaches for a Python of its own.
export UV_PYTHON_DOWNLOADS := never
# A network of its own has authorities of its own: those of this machine.
export UV_SYSTEM_CERTS := 1

VENV := .venv
BIN := $(VENV)/bin
# Python's commands to a shell: which engine, and how to reach it.
ENGINE := eval "$$(python3 -m airgap env --auto)"

help: ## print this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1|\2/' | column -t -s '|'

pipeline: ## set up what is missing; build, test, scan, integrate and push all images to a registry on this machine
	@$(ENGINE) && dagger call publish --registry $(REGISTRY) --registry-service tcp://$${CI_REGISTRY:-127.0.0.1:5000} \
	  --ref "$$(git symbolic-ref -q HEAD || echo refs/heads/detached)" \
	  --commit "$$(git rev-parse HEAD)" --created "$$(git log -1 --format=%cI)"

# Stacks mostly wait, and each has an engine of its own.
STACKS := $(wildcard tests/engine/test_stack*.py) tests/engine/test_kept_results.py tests/oracle
test: $(VENV)/ready test-packages lint ## run every test but those of test-long, on the real engine too
	@$(ENGINE) && $(BIN)/pytest -m "not engine" -n 2 \
	  && $(BIN)/pytest -m "engine and not long" -v --ignore tests/release $(STACKS:%=--ignore %) \
	  && $(BIN)/pytest $(STACKS) -m "engine and not long" -n 2 --dist loadgroup \
	  && $(BIN)/pytest tests/release -m "not long" -n 3 # each has a registry of its own, and mostly waits
	@echo "not run here: make test-long (the tutorial, a pull request, disruptions, signing)"

test-long: $(VENV)/ready test-packages ## run the tests that take minutes each: tutorial, pull request, disruptions, signing
	@$(ENGINE) && $(BIN)/pytest -m long -v

# What tests run on this machine beside what the engine's images have.
TEST_PACKAGES := apache2-utils iproute2 openssl shellcheck util-linux
test-packages:
	@missing=; for package in $(TEST_PACKAGES); do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing" && apt-get update -qq && \
	  apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

test-pure: $(VENV)/ready ## run the tests that need no engine
	$(BIN)/pytest -m "not engine" -n 2

bench: $(VENV)/ready ## measure against buildx, Compose, Trivy and Docker; BENCH="--repeat 5 --cases nothing"
	@$(ENGINE) && $(BIN)/python -m bench $(BENCH)

record: $(VENV)/ready ## record anew what a real Docker does with tests/fixtures/oracle
	@$(ENGINE) && $(BIN)/python -m tests.oracle.record

lint: $(VENV)/ready ## ruff and mypy over everything
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/ready ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

reference: $(VENV)/ready ## write the pages of docs/reference that are made from the code
	PYTHONPATH=ci/src $(BIN)/python -m tools.reference

up: ## bring up the air-gapped engine, registry and base images
	python3 -m airgap up

down: ## stop them; the engine's cache stays
	python3 -m airgap down

status: ## say what of them there is and runs
	python3 -m airgap status

reset: ## stop them and remove everything they made
	python3 -m airgap reset

$(VENV)/ready: pyproject.toml uv.lock $(wildcard services/*/pyproject.toml)
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --locked --all-packages --all-groups
	touch $@
