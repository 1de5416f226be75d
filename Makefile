# Everything a person needs: setup, demo, demo-clean, test, check, golden, bench.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
# every run of the engine imports thousands of lines: without their bytecode it takes twice as long
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo demo-clean test check golden bench lock

# The virtual environment, from the lock: says what it installs and why; again is a no-op.
$(VENV)/.installed: requirements/dev.lock pyproject.toml
	@echo "setup: installing Towpath and its locked dependencies into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

setup: $(VENV)/.installed
	@$(BIN)/deploy setup

demo: $(VENV)/.installed
	@$(BIN)/python -m examples.demo

demo-clean: $(VENV)/.installed
	@$(BIN)/python -m examples.demo --clean

# Collecting once beforehand leaves the modules compiled; else four workers would compile each of them at once.
test: $(VENV)/.installed
	@$(BIN)/python -m pytest --collect-only --quiet >/dev/null & collected=$$!; \
	$(BIN)/python -m tests.support.browser & browser=$$!; \
	$(BIN)/deploy setup && wait $$browser; found=$$?; wait $$collected; exit $$found
	@$(BIN)/python -m pytest --numprocesses 4 --dist loadscope --no-loadscope-reorder

check: $(VENV)/.installed
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/core

golden: $(VENV)/.installed
	@UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/stacks tests/infra tests/cli tests/docs/test_generated.py tests/docs/test_pictures.py

# Those of docs/benchmarks.md, the slowest last; one that fails is named at the end and stops none of the others.
BENCHES := help road downtime metrics_cost canary_live judge

bench: $(VENV)/.installed
	@$(BIN)/deploy setup
	@failed=; for name in $(BENCHES); do $(BIN)/python benchmarks/$$name.py || failed="$$failed $$name"; done; \
	test -z "$$failed" || { echo "bench: ended with an error:$$failed" >&2; exit 1; }

lock:
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra serving --group dev pyproject.toml -o requirements/dev.lock
