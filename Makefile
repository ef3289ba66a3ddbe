# Every target sets up what it needs, on a machine with only Python 3.11 or newer, make and a C compiler.
PYTHON ?= python3
BIN := .venv/bin
BASE := .venv/.base
DEV := .venv/.dev
DOCS := .venv/.docs
BENCH := .venv/.bench
INPUTS := pyproject.toml uv.lock scripts/setup.sh tests/node/package-lock.json

export PYTHON
# Thousands of processes start in the tests: what one has compiled the others are to find.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test check fix bench docs screenshots phoenix coverage chaos sbom clean
.DEFAULT_GOAL := help

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BASE): $(INPUTS)
	@scripts/setup.sh --no-default-groups --extra sandbox
	@touch $@

$(DEV): $(INPUTS)
	@scripts/setup.sh
	@$(BIN)/remit sandbox prepare wasm microvm >/dev/null || echo "setup: remit sandbox prepare says why some tests are skipped" >&2
	@if command -v npm >/dev/null; then npm ci --silent --prefix tests/node; \
	else echo "setup: no npm; the console's scripts are not type-checked and AG-UI's client is not tried" >&2; fi
	@touch $@ $(BASE)

$(DOCS): $(INPUTS)
	@scripts/setup.sh --only-group docs
	@touch $@

$(BENCH): $(INPUTS)
	@scripts/setup.sh --group bench
	@touch $@ $(DEV) $(BASE)

setup: $(DEV) ## Make .venv with everything for development

demo: $(BASE) ## See the support desk handle mail, crash, refuse and ask, and programs in a box
	@$(BIN)/remit demo

test: $(DEV) ## Run the tests
	@scripts/run_tests.sh $(BIN)/python

check: $(DEV) ## Run every check: style, types, layers, sizes, public names, docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	@if [ -x tests/node/node_modules/.bin/tsc ]; then tests/node/node_modules/.bin/tsc -p tests/node; fi
	$(BIN)/python scripts/check_sizes.py src tests scripts
	$(BIN)/python scripts/check_public.py
	$(BIN)/python scripts/check_docs.py

fix: $(DEV) ## Repair style where a tool can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(BENCH) ## Measure Remit beside its peers
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.fleet --reuse

docs: $(BASE) $(DOCS) ## Build the documentation site into build/site
	$(BIN)/zensical build --clean --strict

screenshots: $(DEV) ## Make the pictures of the console in docs/images
	@$(BIN)/python -m scripts.screenshots

phoenix: ## See a session in Arize Phoenix (a large download)
	@scripts/try_phoenix.sh

coverage: $(DEV) ## Run the tests and report which branches they missed
	@mkdir -p build/coverage
	@rm -f build/coverage/data*
	@$(BIN)/coverage run -m pytest -n 4 -q -rs
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

chaos: $(DEV) ## Break all that can break of a fleet for ten minutes, then without each safeguard
	@$(BIN)/python -m benchmarks.chaos --minutes 10 --write

sbom: $(BASE) ## List all packages of the image, as CycloneDX, into build/sbom.cdx.json
	@mkdir -p build
	@uv=$$([ -x $(BIN)/uv ] && echo $(BIN)/uv || echo uv); $$uv export --quiet --frozen --no-default-groups --preview-features sbom-export \
	  --format cyclonedx1.5 $(foreach e,server postgres prometheus otel logs mcp cron oidc,--extra $(e)) --output-file build/sbom.cdx.json

clean: ## Remove .venv, caches and everything built
	rm -rf .venv build dist .cache .coverage* .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
