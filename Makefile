# `make` alone prints the targets. ARGS is passed on: make demo ARGS="--minutes 1", make test ARGS="-k alarms".
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
UV ?= uv
ARGS ?=
# test processes at a time: most tests of the stream wait more than they compute
WORKERS ?= 3

.PHONY: help setup demo test lint bench proof kafka up down lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv from requirements.lock (quick when nothing changed)
	@scripts/setup.sh

demo: setup ## run everything on this machine and open the board (ARGS="--minutes 1", "--data DIR", …)
	@$(BIN)/qingling demo $(ARGS)

test: setup ## run the tests; a test whose part is missing (Chromium, Kafka …) says so and is skipped, under CI=true it fails
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

lint: setup ## ruff, mypy, import rules, compose syntax
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

bench: setup ## measure against a hand-written loop in the same run
	@$(BIN)/python -m benchmarks $(ARGS)

proof: setup ## the long form of the runs that kill processes and compare what is left
	@QINGLING_PROOF=long $(BIN)/python -m pytest -m proof --timeout 3600 $(ARGS)

kafka: setup ## start an Apache Kafka of one node on this machine until Ctrl-C (fetches its jars once)
	@scripts/kafka_jars.sh
	@$(BIN)/python -m streams kafka $(ARGS)

up: ## start the services of docker-compose.yml
	docker compose up --detach --build $(ARGS)

down: ## stop the services of docker-compose.yml; volumes stay
	docker compose down $(ARGS)

lock: ## resolve pyproject.toml into requirements.lock (needs uv: pip install uv, or UV=path)
	@command -v $(UV) >/dev/null || { echo "lock: uv not found; pip install uv in an environment of your own, then make lock UV=path/to/uv" >&2; exit 2; }
	$(UV) pip compile pyproject.toml --all-extras --generate-hashes --no-emit-index-url --no-emit-find-links --no-strip-extras --no-header \
		--python-version 3.11 --universal --quiet -o requirements.lock

clean: ## remove caches and built files; .venv, .kafka and data stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
