# Everything a checkout can do. The virtual environment is made once and again when the lock or pyproject.toml changes.
# Set on the command line: PYTHON=python3.12 (any 3.11 or later; after `make clean`), JOBS=4 (test processes), ARGS="-k growth" (more arguments).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check schemas docs docs-lock bi bi-quick bi-lock chromium dev bench lock clean

PYTHON ?=
JOBS ?= 2
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
LOCKED := $(VENV)/.locked
DOCS_VENV := .venv-docs
BI_QUICK := $(foreach name,duckdb-1.1.3 duckdb-1.4.4 duckdb-1.5.6 duckdb-2.0.0,.venv-bi-$(name)/.ready) deploy/bi/node_modules/.ready
BI_ALL := $(BI_QUICK) .venv-bi-streamlit/.ready .venv-bi-superset/.ready

help: ## show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

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
	$(PY) -m pipelines.cli_page --check

schemas: $(READY) ## export what is made from code: JSON Schemas of the catalogue files, docs/tables.md, docs/cli.md
	$(PY) -m warehouse.catalogue.schemas
	$(PY) -m warehouse.tables_page
	$(PY) -m pipelines.cli_page

docs: $(DOCS_VENV)/.ready ## the documents as a static site in site/, which needs no network
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs build --strict --clean --config-file docs/mkdocs/mkdocs.yml $(ARGS)
	@echo "built site/index.html"

docs-lock: $(LOCKED)
	@uv=$$(command -v uv || echo $(VENV)/bin/uv); \
	"$$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links $(ARGS) -o docs/requirements.lock docs/requirements.in

bi: $(READY) $(BI_ALL) chromium ## every BI client on a release: Superset, Streamlit, browsers, old and new DuckDB (about 5 minutes)
	@$(PY) -m pytest tests/bi $(ARGS)

bi-quick: $(READY) $(BI_QUICK) chromium ## the same without Superset and Streamlit (about 2 minutes)
	@$(PY) -m pytest tests/bi -m "not slow" $(ARGS)

bi-lock: $(LOCKED)
	@uv=$$(command -v uv || echo $(VENV)/bin/uv); \
	for folder in deploy/superset deploy/bi/streamlit deploy/bi/duckdb-*; do \
		"$$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --no-annotate \
			--no-emit-index-url --no-emit-find-links $(ARGS) -o $$folder/requirements.lock $$folder/requirements.in || exit 1; \
	done
	@cd deploy/bi && npm install --package-lock-only --ignore-scripts

# The browser of the tests. Where it is missing and cannot be installed, they say what they skipped.
chromium:
	@command -v chromium >/dev/null || [ -n "$$CHROMIUM" ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		{ apt-get install -y -qq chromium >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; }; }; } || \
		echo "chromium is not installed: what needs a browser is skipped (Debian: apt-get install chromium)" >&2

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
	@rm -rf $(VENV) $(DOCS_VENV) .venv-bi-* deploy/bi/node_modules site build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find pipelines warehouse expectations tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || :

# The project itself, editable, built by the pinned hatchling: nothing is fetched.
$(READY): $(LOCKED) pyproject.toml
	@uv=$$(command -v uv || echo $(VENV)/bin/uv); \
	"$$uv" pip install --quiet --offline --python $(PY) --no-build-isolation --no-deps --editable . 2>/dev/null || \
	$(PY) -m pip install --quiet --no-index --no-build-isolation --no-deps --editable .
	@touch $@

# The site has an environment of its own. What is built from source is built by what its lock pins.
$(DOCS_VENV)/.ready: docs/requirements.lock | $(LOCKED)
	@echo "installing docs/requirements.lock into $(DOCS_VENV)" >&2; \
	index=$$($(PY) -m pip config list 2>/dev/null | sed -n "s/^[^ ]*\.index-url='\(.*\)'$$/\1/p" | tail -n 1); \
	if [ -n "$$index" ] && [ -z "$$UV_DEFAULT_INDEX$$UV_INDEX_URL" ]; then UV_DEFAULT_INDEX=$$index; export UV_DEFAULT_INDEX; fi; \
	uv=$$(command -v uv || echo $(VENV)/bin/uv); \
	"$$uv" venv --quiet --allow-existing --python $(PY) $(DOCS_VENV) && \
	"$$uv" pip sync --quiet --python $(DOCS_VENV)/bin/python --require-hashes --build-constraints docs/requirements.lock \
		docs/requirements.lock
	@touch $@

# Each client of the BI tests has an environment of its own, locked like this one.
.venv-bi-superset/.ready: deploy/superset/requirements.lock
.venv-bi-streamlit/.ready: deploy/bi/streamlit/requirements.lock
.venv-bi-duckdb-%/.ready: deploy/bi/duckdb-%/requirements.lock | $(LOCKED)
	$(install-client)
.venv-bi-superset/.ready .venv-bi-streamlit/.ready: | $(LOCKED)
	$(install-client)

define install-client
@echo "installing $< into $(@D)" >&2; \
	index=$$($(PY) -m pip config list 2>/dev/null | sed -n "s/^[^ ]*\.index-url='\(.*\)'$$/\1/p" | tail -n 1); \
	if [ -n "$$index" ] && [ -z "$$UV_DEFAULT_INDEX$$UV_INDEX_URL" ]; then UV_DEFAULT_INDEX=$$index; export UV_DEFAULT_INDEX; fi; \
	uv=$$(command -v uv || echo $(VENV)/bin/uv); \
	"$$uv" venv --quiet --allow-existing --python $(PY) $(@D) && \
	"$$uv" pip sync --quiet --python $(@D)/bin/python --require-hashes $<
@touch $@
endef

deploy/bi/node_modules/.ready: deploy/bi/package-lock.json
	@if command -v npm >/dev/null; then \
		echo "installing $< into $(@D)" >&2; cd deploy/bi && npm ci --silent --ignore-scripts && touch node_modules/.ready; \
	else echo "npm is not installed: what needs Node.js is skipped" >&2; fi

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
