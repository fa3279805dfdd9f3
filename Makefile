# Everything a person runs on this repository. `make` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python of 3.11 or newer; `make setup PYTHON=/path/to/python` chooses another.
NEW_ENOUGH := import sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
PACKAGE := $(PIP) --no-deps --no-build-isolation --editable .
PORT ?= 8000
HOST ?= 127.0.0.1
CODE := src tests infra $(wildcard bench examples)
PYTEST ?= $(BIN)/python -m pytest -q

.PHONY: help setup setup-dev setup-browsers setup-databases setup-spark setup-checkov demo serve test test-fast check style bench bench-serving bench-peers docs openapi package glue deploy destroy plan costs execute-step-function update-api-url deploy-webapp lock clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.runtime ## make .venv with what running Endcap needs

setup-dev: .venv/.dev ## … and with what testing it needs

demo: setup ## a shop from nothing: generate, import, train, evaluate, serve on PORT
	ENDCAP_HOME="$${ENDCAP_HOME:-.endcap}" $(BIN)/endcap demo --host $(HOST) --port $(PORT)

serve: setup ## serve what is there (ENDCAP_HOME, .endcap by default) on PORT
	ENDCAP_HOME="$${ENDCAP_HOME:-.endcap}" $(BIN)/endcap serve --host $(HOST) --port $(PORT)

BROWSERS := chromedriver WebKitWebDriver xvfb-run xauth

setup-browsers: ## the browsers of tests/journeys/test_page.py, from Debian or Ubuntu's packages (as root)
	@( for p in $(BROWSERS); do command -v $$p || exit 1; done; ls /usr/lib/*/webkit2gtk-*/MiniBrowser ) \
		>/dev/null 2>&1 || { apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get \
		install --quiet=2 --yes --no-install-recommends chromium chromium-driver webkit2gtk-driver \
		xvfb xauth >/dev/null; }

DATABASES := mariadbd mariadb-install-db

setup-databases: ## the MariaDB server of tests/data/database, from Debian or Ubuntu's packages (as root)
	@( for p in $(DATABASES); do command -v $$p || exit 1; done ) >/dev/null 2>&1 || { \
		apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 \
		--yes --no-install-recommends mariadb-server >/dev/null; }

SPARKS := 35 4

setup-spark: $(SPARKS:%=.venv-spark%/.made) ## pythons for endcap etl --engine spark: Spark 3.5 and 4 (Java 17 is needed)

.venv-spark%/.made: requirements-spark%.lock | $(BIN)/python
	@java -version >/dev/null 2>&1 || echo "Spark needs Java 17: apt-get install openjdk-17-jre-headless" >&2
	"$(PYTHON)" -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
		--require-hashes --requirement $<
	@touch $@

setup-checkov: .venv-checkov/.made ## a python for tests/infra/test_checkov.py, which reads the Terraform

.venv-checkov/.made: requirements-checkov.lock | $(BIN)/python
	"$(PYTHON)" -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
		--require-hashes --requirement $<
	@touch $@

# By two processes, first the tests without servers, then those with, a file by one process, the
# longest files first. A file may hold one kind alone: pytest's 5 says that nothing of the other was
# there.
test: setup-dev ## all tests, also those that start servers
	$(PYTEST) -n 2 -m "not server" $(TESTS) || [ $$? -eq 5 ]
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder -m server $(TESTS) || [ $$? -eq 5 ]

test-fast: setup-dev ## the tests for the loop: no servers
	$(PYTEST) -n 2 -m "not server" $(TESTS)

check: style ## style, types, import contracts, sizes, documentation
	$(PYTEST) tests/arch tests/docs

style: setup-dev ## style, types, import contracts
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## time and memory of every offline step on a generated shop
	$(BIN)/python bench/run.py

bench-serving: setup ## answers a second beside the empty endpoint, freshness, swaps, start, memory
	$(BIN)/python bench/serving.py $(OPTIONS)

bench-peers: setup ## the same histories served by implicit and by numpy behind FastAPI
	$(BIN)/python bench/peers.py $(OPTIONS)

docs: setup-dev ## rewrite the pages and golden files that are generated
	$(BIN)/python -m endcap.cli.reference

openapi: setup-dev ## rewrite openapi.yaml from the routes
	$(BIN)/python -m endcap.serving.openapi openapi.yaml

package: setup-dev ## build/functions.zip: the functions of AWS Lambda, for arm64
	$(BIN)/python infra/package.py --out build/functions.zip

LOCK := uv pip compile pyproject.toml --quiet --upgrade --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --no-header --group build

# What the Spark side imports of Endcap needs these, and nothing else.
comma := ,
SPARK_LOCK = printf '%s\n' 'pyspark$(1)' msgspec numba numpy scipy setuptools sqlglot | uv pip compile - \
	--quiet --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--no-header --output-file requirements-spark$(2).lock

lock: ## pin the newest dependencies (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv (pip install uv)" >&2; exit 1; }
	$(LOCK) --group dev --output-file requirements-dev.lock
	$(LOCK) --constraint requirements-dev.lock --output-file requirements.lock
	$(call SPARK_LOCK,>=3.5.4$(comma)<3.6,35)
	$(call SPARK_LOCK,>=4.0.1$(comma)<4.1,4)
	echo checkov | uv pip compile - --quiet --upgrade --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --output-file requirements-checkov.lock

glue: setup-dev ## build/glue: wheels, script and arguments of the job of AWS Glue
	$(BIN)/python infra/glue_package.py --out build/glue --wheels

ENV ?= dev
PIPELINE ?= nightly

deploy: setup-dev ## everything on AWS: packages, plan, costs, apply, upload, URLs (ENV, OPTIONS)
	$(BIN)/endcap deploy --env $(ENV) $(OPTIONS)

plan: setup-dev ## what deploy would change, and what a month costs (ENV, OPTIONS)
	$(BIN)/endcap deploy --env $(ENV) --dry-run $(OPTIONS)

destroy: setup-dev ## destroy what deploy made (ENV, OPTIONS)
	$(BIN)/endcap destroy --env $(ENV) $(OPTIONS)

execute-step-function: setup-dev ## run a state machine once on AWS (ENV, PIPELINE)
	$(BIN)/endcap cloud run --env $(ENV) --pipeline $(PIPELINE)

deploy-webapp: setup-dev ## build the page for Terraform's outputs, and upload it (ENV)
	$(BIN)/endcap cloud web --env $(ENV)

update-api-url: deploy-webapp ## tell the page where its API is now: its config.json (ENV)

costs: setup-dev ## what a month on AWS costs (OPTIONS)
	$(BIN)/endcap costs $(OPTIONS)

clean: ## remove .venv and caches; data stays
	rm -rf .venv .venv-spark* .venv-checkov build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache .grimp_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Endcap needs Python 3.11 or newer with its venv module;" \
		"name one: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' || { echo "$(PYTHON) is not Python 3.11 or newer with" \
		"its venv module" >&2; exit 1; }
	"$(PYTHON)" -m venv .venv

.venv/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes --requirement requirements.lock
	$(PACKAGE)
	@touch $@

# The development lock holds the runtime's, so one installation serves both.
.venv/.dev: requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes --requirement requirements-dev.lock
	$(PACKAGE)
	@touch .venv/.runtime $@
