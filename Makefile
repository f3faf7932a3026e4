# Everything a checkout can do. The virtual environment is made once and again when the lock or pyproject.toml changes.
# Set on the command line: PYTHON=python3.12 (any 3.11 or later; after `make clean`), JOBS=4 (test processes), ARGS="-k growth" (more arguments).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check schemas dev bench lock clean

PYTHON ?=
JOBS ?= 2
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
LOCKED := $(VENV)/.locked

help: ## show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

run: $(READY) ## run the built-in catalogue offline, publish a release, say where it is
	@$(VENV)/bin/indexhouse run --offline $(ARGS)

test: $(READY) ## run the whole test suite, offline
	@$(PY) -m pytest -n $(JOBS) --dist loadfile $(ARGS)

check: $(READY) ## lint, format, types, and whether exported schemas and pages are current
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m warehouse.catalogue.schemas --check
	$(PY) -m warehouse.tables_page --check

schemas: $(READY) ## export what is made from code: JSON Schemas of the catalogue files, docs/tables.md
	$(PY) -m warehouse.catalogue.schemas
	$(PY) -m warehouse.tables_page

dev: $(READY) ## Dagster web UI and daemon on this checkout, reloadable, loopback only
	@mkdir -p "$${INDEXHOUSE_HOME:-data}/dagster" && \
	INDEXHOUSE_HOME=$$(cd "$${INDEXHOUSE_HOME:-data}" && pwd) && export INDEXHOUSE_HOME && \
	DAGSTER_HOME="$$INDEXHOUSE_HOME/dagster" DAGSTER_DISABLE_TELEMETRY=1 PYTHONPATH=. \
	$(PY) -m dagster dev --workspace workspace.yaml --host 127.0.0.1 $(ARGS)

bench: $(READY) ## time and memory against the bare floor, as ratios
	@$(PY) -m benchmarks.run $(ARGS)

lock: $(LOCKED) ## pin again what pyproject.toml asks for (ARGS=--upgrade takes the newest versions)
	@uv=$$(command -v uv || echo $(VENV)/bin/uv); \
	"$$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links --extra dev $(ARGS) -o requirements.lock pyproject.toml

clean: ## remove the virtual environment, caches and builds; data/ is kept
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find pipelines warehouse expectations tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || :

# The project itself, editable, built by the pinned hatchling: nothing is fetched.
$(READY): $(LOCKED) pyproject.toml
	@uv=$$(command -v uv || echo $(VENV)/bin/uv); \
	"$$uv" pip install --quiet --offline --python $(PY) --no-build-isolation --no-deps --editable . 2>/dev/null || \
	$(PY) -m pip install --quiet --no-index --no-build-isolation --no-deps --editable .
	@touch $@

# What the lock says, by uv (seconds), or by plain pip (about a minute) where uv cannot be had or does not get through.
$(LOCKED): requirements.lock
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
		for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
			if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
		done; \
	fi; \
	if [ -z "$$python" ] || ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "indexhouse needs Python 3.11 or later; $${python:-python3} is $$("$${python:-python3}" -V 2>&1 | tail -n 1)." \
			"Install one and name it: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then \
		echo "making $(VENV) with $$("$$python" -V)" >&2; \
		"$$python" -m venv --clear $(VENV) || { \
			echo "The venv module of $$python does not work (on Debian and Ubuntu: install python3-venv)." >&2; exit 1; }; \
	fi
	@echo "installing requirements.lock into $(VENV)" >&2; \
	index=$$($(PY) -m pip config list 2>/dev/null | sed -n "s/^[^ ]*\.index-url='\(.*\)'$$/\1/p" | tail -n 1); \
	if [ -n "$$index" ] && [ -z "$$UV_DEFAULT_INDEX$$UV_INDEX_URL" ]; then UV_DEFAULT_INDEX=$$index; export UV_DEFAULT_INDEX; fi; \
	uv=$$(command -v uv) || { \
		awk '/^[^ #]/ { keep = /^uv==/ } keep' requirements.lock > $(VENV)/uv.lock; \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock && uv=$(VENV)/bin/uv || uv=false; }; \
	"$$uv" pip sync --quiet --python $(PY) --require-hashes requirements.lock || { \
		echo "uv could not install the lock; trying pip, which takes about a minute" >&2; \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; }
	@touch $@
