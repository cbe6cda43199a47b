# The same commands for people, CI and docs; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PYTHONUNBUFFERED := 1
# The machine decides whom it trusts, as pip does: a company's own authority is not in uv's list.
export UV_SYSTEM_CERTS ?= 1

.DEFAULT_GOAL := help
.PHONY: audit backup upgrade chaos soak screenshots bench seed help run test test-fast test-services lint docs types format lock migrations

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ucdash needs Python 3.11 or newer; say which: make PYTHON=python3.11"; exit 1; }
	@echo "Making .venv …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# The stamps are older than a changed requirements file, so a stale .venv is brought up to date.
.venv/run.done: requirements.txt requirements-demo.txt | $(BIN)/uv
	@echo "Installing what ucdash runs on …"
	@$(BIN)/uv pip install --quiet --python .venv -r requirements.txt -r requirements-demo.txt
	@touch $@

.venv/dev.done: requirements-dev.txt | $(BIN)/uv
	@echo "Installing what the tests and checks need …"
	@$(BIN)/uv pip install --quiet --python .venv -r requirements-dev.txt
	@touch $@

run: .venv/run.done  ## start everything on this machine, with a demo bucket; Ctrl-C stops it
	@$(BIN)/python -m ucdash.install
	@$(BIN)/python -m ucdash.ports
	@$(BIN)/python manage.py bootstrap
	@$(BIN)/python manage.py announce & \
	  PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/honcho --env /dev/null start

backup: .venv/run.done  ## keep this installation's database in var/backups; KEYS=folder keeps its keys there
	@$(BIN)/python manage.py installation backup $(if $(KEYS),--keys-into $(KEYS))

upgrade: .venv/run.done  ## after `git pull`: a backup, then the tables and static files of this version
	@$(BIN)/python manage.py installation backup --if-migrations-wait
	@$(BIN)/python manage.py migrate
	@$(BIN)/python manage.py collectstatic --no-input --verbosity 0

# Of three one waits at any time: for a process to start, a lease to end, a page to change.
test: .venv/dev.done  ## the whole suite on SQLite; starts what wheels carry, nothing else
	$(BIN)/pytest $(or $(ARGS),-n 3 --dist loadscope)

test-fast: .venv/dev.done  ## the suite without real processes
	$(BIN)/pytest -m "not real" $(or $(ARGS),-n 2 --dist loadscope)

test-services: .venv/dev.done  ## the suite on PostgreSQL, Redis and Ceph, installed and started for it
	$(BIN)/python -m tests.rig.services $(BIN)/pytest $(or $(ARGS),-n 3 --dist loadscope)

chaos: .venv/dev.done  ## workers die, services forget and restart, a bucket lies: is every byte there?
	@$(BIN)/python -m tests.chaos --form $(if $(FULL),full,ci) --seed $(or $(SEED),1) \
	  --on $(or $(ON),services) $(if $(MUTATE),--mutate $(MUTATE))

soak: .venv/dev.done  ## the long rounds of the reliability goals, for figures: ONLY=G3,G12 SHARE=0.1
	@$(BIN)/python -m tests.soak --on $(or $(ON),services) $(if $(ONLY),--only $(ONLY)) \
	  $(if $(SHARE),--share $(SHARE))

screenshots: .venv/dev.done  ## every page, light and dark, 1280 and 320 px wide, into docs/screenshots/
	$(BIN)/python -m docs.screenshots

bench: .venv/dev.done  ## a program of benchmarks/ beside its peers: make bench NAME=copy_drain
	@$(BIN)/python -m benchmarks.$(NAME)

seed: .venv/run.done  ## rows to look at and to measure: make seed FILES=100000 ARGS="--waiting 1000"
	@$(BIN)/python -m ucdash.install
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py seed --files $(or $(FILES),1000) $(ARGS)

lint: .venv/dev.done  ## ruff, djlint, import contracts, spelling, migrations, deployment checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint --check --lint --quiet templates
	$(BIN)/codespell
	UCDASH_ENV_FILE=tests/production.env $(BIN)/python manage.py makemigrations --check --dry-run
	UCDASH_ENV_FILE=tests/production.env $(BIN)/python manage.py check --deploy --fail-level WARNING

audit: | $(BIN)/uv  ## known holes in what ucdash runs on; "not checked" where nobody answers
	@$(PYTHON) .ci/audit

docs: .venv/dev.done  ## the site of the docs, into var/site; a wrong link stops it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

types: .venv/dev.done  ## mypy, strict
	UCDASH_ENV_FILE=tests/production.env $(BIN)/mypy

format: .venv/dev.done  ## let ruff and djlint write the code in the house style; the page of all settings anew
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	-$(BIN)/djlint --reformat --quiet templates
	$(BIN)/python -m docs.settings

migrations: .venv/dev.done  ## write a migration for changed models; name it with ARGS="--name what_changes"
	UCDASH_ENV_FILE=tests/production.env $(BIN)/python manage.py makemigrations $(ARGS)

lock: | $(BIN)/uv  ## pin requirements*.txt anew from requirements*.in
	for name in requirements requirements-demo requirements-dev; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url \
	    --python-version 3.11 $$name.in -o $$name.txt; done
