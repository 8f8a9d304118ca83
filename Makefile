# Commands for daily work. `make` without a target lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: test-packages test-docker test-long help pipeline test test-unit bench record pictures lint format reference up down status reset

# The engine to use: airgap, docker or runner. If empty, one is detected and the reason is printed.
export CI_ENGINE ?=
# Where `make pipeline` pushes to: a registry on this machine.
REGISTRY ?= 127.0.0.1:5000/aip
# uv must not download another Python.
export UV_PYTHON_DOWNLOADS := never
# Trust the machine's certificate authorities, because a closed network has its own.
export UV_SYSTEM_CERTS := 1

VENV := .venv
BIN := $(VENV)/bin
# Choose the engine and export how to reach it.
ENGINE := eval "$$(python3 -m airgap env --auto)"

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1|\2/' | column -t -s '|'

pipeline: ## run the whole pipeline: build, test, scan, start and push all images to a registry on this machine
	@$(ENGINE) && dagger call registry --address $(REGISTRY) --service tcp://$${CI_REGISTRY:-127.0.0.1:5000} publish \
	  --ref "$$(git symbolic-ref -q HEAD || echo refs/heads/detached)" \
	  --commit "$$(git rev-parse HEAD)" --created "$$(git log -1 --format=%cI)"

# The tests that need no engine, and then the least covered modules of ci/src/ci and the total.
UNIT := $(BIN)/pytest -m "not engine" -n 2 --cov --cov-report= && \
	$(BIN)/coverage report | sed -n '1,14p;/^TOTAL/p'

# Stacks mostly wait, and each has its own Docker Engine, so two of them run concurrently.
STACKS := $(wildcard tests/engine/test_stack*.py) tests/engine/test_kept_results.py tests/oracle
# Tests of what the engine executes and of what it has cached, and those with an engine of their own, run one by one.
ALONE := tests/airgap $(patsubst %,tests/engine/test_%.py,build context platforms sandbox scan stored_images worker)
test: $(VENV)/ready $(VENV)/nginx test-packages lint ## run all tests except those of test-long, including those on a real engine
	@$(ENGINE) && $(UNIT) \
	  && $(BIN)/pytest $(ALONE) -m "engine and not long" -v \
	  && $(BIN)/pytest -m "engine and not long" -v -n 2 --dist loadfile $(patsubst %,--ignore %,tests/release $(ALONE) $(STACKS)) \
	  && $(BIN)/pytest $(STACKS) -m "engine and not long" -n 2 --dist loadgroup \
	  && $(BIN)/pytest tests/release -m "not long" -n 3 # each has its own registry and mostly waits
	@echo "not run here: make test-long (tutorial, pull request, disruption, signing, faults of up, and others)"

test-long: $(VENV)/ready $(VENV)/nginx test-packages ## run the tests that take minutes: tutorial, pull request, disruption, signing, faults of up
	@$(ENGINE) && $(BIN)/pytest -m long -v

# An engine that Docker runs, as on most machines. The registry with the base images is the air-gapped engine's.
test-docker: $(VENV)/ready test-packages ## run the pipeline and the tests marked docker_path on an engine that a Docker Engine runs
	@python3 -m airgap up && python3 -m tools.docker_path up && eval "$$(python3 -m tools.docker_path env)" \
	  && make --no-print-directory CI_ENGINE=docker pipeline \
	  && eval "$$(python3 -m airgap env --auto)" && $(BIN)/pytest -m docker_path -v \
	  && python3 -m tools.docker_path status

# nginx is unpacked and not installed, because its package would start a server on this machine.
$(VENV)/nginx:
	@rm -rf $@.new && mkdir -p $@.new && cd $@.new && \
	  { apt-get download -qq nginx || { apt-get update -qq && apt-get download -qq nginx; }; } 2>/dev/null && \
	  dpkg-deb -x nginx_*.deb . && mv ../nginx.new ../nginx

# Debian packages that tests need on this machine.
TEST_PACKAGES := apache2-utils chromium iproute2 openssl shellcheck util-linux
test-packages:
	@missing=; for package in $(TEST_PACKAGES); do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing" && apt-get update -qq && \
	  apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

test-unit: $(VENV)/ready ## run the tests that need no engine
	$(UNIT)

bench: $(VENV)/ready ## compare with Docker, buildx, Compose and Trivy; options: BENCH="--repeat 5 --cases nothing"
	@$(ENGINE) && $(BIN)/python -m bench $(BENCH)

record: $(VENV)/ready ## record how a real Docker runs tests/fixtures/oracle
	@$(ENGINE) && $(BIN)/python -m tests.oracle.record

lint: $(VENV)/ready ## run ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/ready ## fix and format the code with ruff
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

reference: $(VENV)/ready ## generate docs/reference from the code
	PYTHONPATH=ci/src $(BIN)/python -m tools.reference

# Fonts that pages have on most machines.
PICTURE_FONTS := fonts-inter fonts-jetbrains-mono
pictures: $(VENV)/ready test-packages ## take the pictures of docs/pictures again, from a run that passes and one that fails
	@dpkg -s $(PICTURE_FONTS) >/dev/null 2>&1 || apt-get install -y -qq --no-install-recommends $(PICTURE_FONTS) >/dev/null
	@$(ENGINE) && $(BIN)/python -m tools.pictures

up: ## start the air-gapped engine and registry, and build the base images
	python3 -m airgap up

down: ## stop engine and registry; the engine's cache is preserved
	python3 -m airgap down

status: ## show the state of engine, registry and images
	python3 -m airgap status

reset: ## stop engine and registry, and remove all files they created
	python3 -m airgap reset

$(VENV)/ready: pyproject.toml uv.lock $(wildcard services/*/pyproject.toml)
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --locked --all-packages --all-groups
	touch $@
