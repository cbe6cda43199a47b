# The same commands for people, CI and docs; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help lock lint types format

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ucdash needs Python 3.11 or newer; say which: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

.venv/run.done: requirements.txt requirements-demo.txt | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python .venv -r requirements.txt -r requirements-demo.txt
	@touch $@

.venv/dev.done: requirements-dev.txt | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python .venv -r requirements-dev.txt
	@touch $@

lock: | $(BIN)/uv  ## pin requirements*.txt anew from requirements*.in
	for name in requirements requirements-demo requirements-dev; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url \
	    --python-version 3.11 $$name.in -o $$name.txt; done

lint: .venv/dev.done  ## ruff, djlint, import contracts, spelling, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint --check --lint --quiet templates
	$(BIN)/codespell
	$(BIN)/python -m ucdash.install > /dev/null
	$(BIN)/python manage.py makemigrations --check --dry-run

types: .venv/dev.done  ## mypy, strict
	$(BIN)/python -m ucdash.install > /dev/null
	$(BIN)/mypy

format: .venv/dev.done  ## let ruff and djlint write the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	-$(BIN)/djlint --reformat --quiet templates
