# LayerLab: `make run` opens it on this machine, `make serve` to a class, `make test` checks everything.

PYTHON ?= python3
PORT ?= 8501
VENV := .venv
PY := $(VENV)/bin/python
# Once .venv is there it keeps itself up to date; PYTHON only makes a new one.
SETUP = $(if $(wildcard $(PY)),$(PY),$(PYTHON)) .ci/install.py

.DEFAULT_GOAL := help
.PHONY: help run serve test check bench clean install install-dev python

help: ## Say what can be made
	@echo "make run     start LayerLab on this machine (PORT=$(PORT))"
	@echo "make serve   start it for everybody on the local network, with a QR code"
	@echo "make test    every check and test, the browser ones included"
	@echo "make check   the quick checks alone: ruff, mypy, architecture"
	@echo "make bench   run the benchmarks, which print ratios"
	@echo "make clean   remove .venv and all caches (not your runs)"

run: install
	@$(PY) -m ui.serve --port $(PORT)

serve: install
	@$(PY) -m ui.serve --port $(PORT) --network

test: export PYTHONDONTWRITEBYTECODE := # a hundred processes need not compile our modules each
test: check
	@$(PY) -m tests.chromium
	@$(PY) -m pytest -n 2 --dist loadscope --maxfail 20 --tb short --durations 25 -q || \
	  { echo; echo "Tests failed: see the FAILED lines above; run one alone with $(PY) -m pytest FILE::TEST"; exit 1; }

check: install-dev
	@$(PY) -m ruff check --quiet --output-format concise . || { echo "Fix the findings above ($(PY) -m ruff check --fix . mends some)."; exit 1; }
	@$(PY) -m ruff format --quiet --check . || \
	  { $(PY) -m ruff format --check .; echo "Run: $(PY) -m ruff format ."; exit 1; }
	@$(PY) -m mypy --strict --no-error-summary core || { echo "Fix the types above (mypy --strict core)."; exit 1; }
	@$(PY) -m pytest --tb short -q tests/test_architecture.py

bench: install
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; PYTHONPATH=. $(PY) "$$file" || exit 1; done

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install: python
	@$(SETUP)

install-dev: python
	@$(SETUP) --dev

python:
	@test -x $(PY) || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "LayerLab needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1 || true)." \
	    "Name another one: make run PYTHON=python3.12"; exit 1; }
