# Two commands on a fresh machine that has Python >= 3.11 and make: `make demo` and `make test`.
# The first Python that runs and is new enough; a name on the PATH may be a shim that leads nowhere.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
RECORDINGS ?= $(wildcard ../shared/recordings)
# CPU-bound tests over two workers; `make test WORKERS=0` runs them in one process.
WORKERS ?= 2

.PHONY: demo console test fuzz http splice sending exchanges modelcheck check format bench count crash live mutate servers backends structure clean help

help: ## Show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "understudy needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/.installed: $(BIN)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# The tests need the gateway's packages too, and those of its databases; everything else works without them.
$(VENV)/.installed-test: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --editable '.[gateway,postgres,valkey,otel]' --group test
	@touch $@

$(VENV)/.installed-gateway: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --editable '.[gateway]'
	@touch $@

$(VENV)/.installed-%: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --group $*
	@touch $@

demo: $(VENV)/.installed ## Show the main job at work: emulated providers, no key, no network
	@$(BIN)/understudy demo

console: $(VENV)/.installed-gateway ## Open the console over live demo traffic, until Ctrl-C: emulated providers that fail, no key
	@$(BIN)/understudy demo --console $(ARGS)

test: $(VENV)/.installed-test ## Run all tests, offline
	$(BIN)/python -m pytest --config-file=pyproject.toml -n $(WORKERS) $(if $(RECORDINGS),--recordings=$(RECORDINGS)) $(ARGS)

fuzz: $(VENV)/.installed-test ## Mutate recorded answers, N of them (N=1000000), against every decoder
	UNDERSTUDY_FUZZ=$(or $(N),100000) $(BIN)/python -m pytest --config-file=pyproject.toml -n $(WORKERS) --deep $(if $(RECORDINGS),--recordings=$(RECORDINGS)) tests/fuzz/test_fuzz.py $(ARGS)

http: $(VENV)/.installed-test ## Play random responses, N of them (N=100000), to both transports, and compare
	UNDERSTUDY_HTTP=$(or $(N),100000) $(BIN)/python -m pytest --config-file=pyproject.toml -s tests/hostile/differential $(ARGS)

sending: $(VENV)/.installed-test ## Send random requests, N of them (N=100000), and let the vendors' rules judge them
	UNDERSTUDY_SENDING=$(or $(N),100000) $(BIN)/python -m pytest --config-file=pyproject.toml -n $(WORKERS) tests/sending/test_sending.py $(ARGS)

splice: $(VENV)/.installed-test ## Forward random bodies, N of them (N=100000), and compare every byte (five minutes)
	UNDERSTUDY_SPLICE=$(or $(N),100000) $(BIN)/python -m pytest --config-file=pyproject.toml -n $(WORKERS) $(if $(RECORDINGS),--recordings=$(RECORDINGS)) tests/forwarding tests/contract/test_forwarded_bytes.py $(ARGS)

exchanges: $(VENV)/.installed-test ## Play random exchanges, N of them (N=1000000), through the short ways and the general one (an hour)
	$(BIN)/python -m tests.gateway.exchanges $(or $(N),1000000) $(if $(RECORDINGS),--recordings=$(RECORDINGS)) $(ARGS)

modelcheck: $(VENV)/.installed-test ## Visit the states of two requests, N of them (N=1000000), and check each (two minutes)
	$(BIN)/python -m tests.modelcheck --states $(or $(N),120000) $(ARGS)

check: $(VENV)/.installed-test $(VENV)/.installed-check ## Lint, formatting and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/python tests/docs/blocks.py .examples
	$(BIN)/mypy --strict --config-file= .examples
	$(BIN)/pyright --pythonpath $(BIN)/python .examples

format: $(VENV)/.installed-check ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-test $(VENV)/.installed-bench ## Compare with peers, which it installs in the user's cache, in one run
	$(BIN)/python -m benchmarks $(or $(ARGS),--quick --install)

crash: $(VENV)/.installed-test ## Lose a primary in every way, in the library and at the gateway (ten minutes)
	$(BIN)/python -m tests.hostile.crash
	$(BIN)/python -m tests.gateway.crash

count: $(VENV)/.installed-test ## Count instructions and allocations (valgrind), compare with what is committed; AGAINST=COMMIT: with a commit
	$(BIN)/python -m $(if $(AGAINST),benchmarks.instructions --against $(AGAINST),benchmarks.counts $(ARGS))

mutate: $(VENV)/.installed-test ## Change the code a little, many times, and see the tests notice (an hour)
	$(BIN)/python -m tests.mutation $(ARGS)

structure: $(VENV)/.installed-test ## Measure rooms, imports, circles, long files and functions
	$(BIN)/python -m tests.architecture.structure $(ARGS)

live: $(VENV)/.installed-test ## Call the real providers whose keys are in the environment
	UNDERSTUDY_LIVE=1 $(BIN)/python -m pytest tests/live $(ARGS)

servers: $(VENV)/.installed-test ## Ask servers of other projects, installed in the user's cache (tests/servers/README.md)
	$(BIN)/python -m tests.servers.installing
	UNDERSTUDY_SERVERS=1 $(BIN)/python -m pytest --config-file=pyproject.toml tests/servers -n 0 -rs $(ARGS)

backends: $(VENV)/.installed-test ## Send traces to back ends, installed in the user's cache (tests/telemetry/backends/README.md)
	$(BIN)/python -m tests.telemetry.backends.installing
	UNDERSTUDY_BACKENDS=1 $(if $(UNDERSTUDY_LANGFUSE),UNDERSTUDY_LANGFUSE=$(UNDERSTUDY_LANGFUSE)) $(BIN)/python -m pytest --config-file=pyproject.toml tests/telemetry/backends -n 0 -rs $(ARGS)

clean: ## Remove what was installed and cached
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .examples bench-report
