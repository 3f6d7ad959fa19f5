# Everything runs in .venv, which is made from the locks in requirements/ and nothing else: wheels only, each checked
# against its SHA-256. Nothing here needs root or a compiler.

USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
# Of those that serve, a Python whose interpreter lies in its own executable comes first, as distributions build theirs: a
# request takes it 12 to 17 % less than one that calls a libpython beside it (docs/decisions/006).
ALONE := import sys; sys.exit(any("libpython" in line for line in open("/proc/self/maps")))
PYTHON ?= $(shell second=; for path in $$(which -a python3.11 python3 2>/dev/null || command -v python3.11 python3); do \
	$$path -c '$(USABLE)' 2>/dev/null || continue; \
	if $$path -c '$(ALONE)' 2>/dev/null; then echo $$path; exit; fi; second=$${second:-$$path}; done; echo $$second)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all:
LINK := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-index --no-build-isolation --editable .
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml requirements/build.in --extra device --extra postgres --extra valkey --extra tokens
GATED := policy regions ledger

.PHONY: up install dev operate test check supply site fuzz soak bench bench-peers bench-hard bench-quick bench-stages js docs lock clean

up: .venv/run.stamp  ## install, fetch the model, start everything
	@$(BIN)/isthmus up

install: .venv/run.stamp  ## what `make up` installs, without starting

.venv/python.stamp:
	@test -n "$(PYTHON)" || { \
		echo "Python 3.11 or newer with its venv module is needed (Debian: apt install python3.11 python3.11-venv)."; \
		echo "Or name one: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/run.stamp: .venv/python.stamp requirements/run.txt pyproject.toml
	@echo "Installing into .venv"
	@$(INSTALL) --requirement requirements/run.txt
	@$(LINK)
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	@echo "Installing the tools for tests and checks into .venv"
	@$(INSTALL) --requirement requirements/dev.txt
	@touch $@

dev: .venv/dev.stamp  ## the tools for tests and checks

operate: .venv/run.stamp  ## what signing in over OpenID Connect and OpenTelemetry need besides
	@$(INSTALL) --requirement requirements/operate.txt

test: .venv/dev.stamp  ## all tests; coverage, which doubles their time, only of the rooms of law that must have it
	$(BIN)/python -m pytest --cov --cov-report= $(GATED:%=tests/%)
	@for room in $(GATED); do \
		$(BIN)/coverage report --include="isthmus/$$room/*" --fail-under=95 --skip-covered || exit 1; \
	done
	$(BIN)/python -m pytest $(GATED:%=--ignore=tests/%)

check: .venv/dev.stamp  ## format, lint, types, import contracts, dead code, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@! $(BIN)/vulture | grep -E '^isthmus/.*(unused (function|method|class|property|import|code)|unreachable|100% confidence)'
	$(BIN)/python -m pytest tests/test_docs.py

supply: .venv/dev.stamp  ## what is delivered: locks, wheel, licences, bans, bandit; the bill of materials in build/
	ISTHMUS_LONG=1 $(BIN)/python -m pytest tests/test_supply.py tests/commands/test_sbom.py
	@mkdir -p build && $(BIN)/isthmus sbom > build/sbom.json && echo build/sbom.json

site: .venv/dev.stamp  ## the documents as pages, in build/site
	$(BIN)/python -m mkdocs build --strict --quiet

docs: .venv/run.stamp  ## write the pages that are made from the code
	$(BIN)/python docs/reference.py

bench-quick: .venv/run.stamp  ## CPU per request beside nginx in one run (needs wrk, nginx and gcc), under 50 s
	@$(BIN)/python benchmarks/gateway/quick.py

bench-stages: .venv/run.stamp  ## what each stage of the corridor costs
	@$(BIN)/python -m benchmarks.stages

fuzz: .venv/dev.stamp  ## ten million mutated requests to Isthmus, h11 and aiohttp (CASES=, SEED=)
	$(BIN)/python tests/conformance_http/fuzz.py $(or $(CASES),10000000) $(or $(SEED),0)

bench: .venv/run.stamp  ## beside every gateway that is installed, into benchmarks/RESULTS.md (PEERS=isthmus some of them)
	@$(BIN)/python -m benchmarks.gateway.peers $(PEERS)

bench-peers: .venv/run.stamp  ## get those gateways, each into a folder of its own under ~/.cache (PEERS=envoy some of them)
	@$(BIN)/python -m benchmarks.gateway.peers.install $(PEERS)

bench-hard: .venv/dev.stamp bench-quick  ## slow callers, overload, reload and upgrade under load
	$(BIN)/python -m benchmarks.gateway.slow
	$(BIN)/python -m benchmarks.gateway.overload
	$(BIN)/python -m benchmarks.gateway.reload

soak: .venv/dev.stamp  ## two million mixed requests with aborts: memory and descriptors of a worker (REQUESTS=)
	$(BIN)/python -m benchmarks.gateway.soak $(or $(REQUESTS),2000000)

js:  ## build the package and the phone app (needs Node 20); commit isthmus/web/static with it
	cd js && npm ci --no-audit --no-fund && npm run types && npm test && npm run build

lock: .venv/dev.stamp  ## resolve the versions anew: names, versions and digests, no addresses
	$(COMPILE) --upgrade --output-file requirements/run.txt
	$(COMPILE) --upgrade --extra oidc --extra otel --constraint requirements/run.txt --output-file requirements/operate.txt
	$(COMPILE) --upgrade --group dev --constraint requirements/run.txt --output-file requirements/dev.txt

clean:  ## remove what was built; models and state in ISTHMUS_HOME stay
	rm -rf .venv build dist .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
