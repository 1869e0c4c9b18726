# Every target may be run again at no cost: nothing is rebuilt that did not change.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
PROFILE ?= release
export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust/src -name '*.rs' 2>/dev/null)

.PHONY: help build run test test-rsgi check lint format typecheck rust-check bench bench-peers instructions guardrails-score soak test-clients chaos fuzz clean lock

help: ## Say what the targets do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */\1|/' | \
	  while IFS='|' read -r name text; do printf '%-14s %s\n' "$$name" "$$text"; done

# What a script has to say is the only line printed, and no build trace follows. The status is
# make's own 2: it has no other for an error.
refuse_if = $(if $(1),$(error $(1)))

$(STAMPS)/environment: requirements/dev.txt
	$(call refuse_if,$(shell scripts/check-tools))
	@echo "Making the Python environment in $(VENV)"
	@scripts/make-environment $(VENV)
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/dev.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/extension: $(RUST_SOURCES) pyproject.toml $(STAMPS)/environment
	$(call refuse_if,$(shell scripts/check-tools))
	@echo "Building the Rust extension ($(PROFILE)); the first time takes some minutes"
	@CARGO_TERM_QUIET=true PIP_QUIET=1 VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --quiet --locked $(if $(filter release,$(PROFILE)),--release)
	@touch $@

build: $(STAMPS)/extension ## Make the environment and build the extension

run: build ## Start a proxy with a demo provider and print a curl line
	$(call refuse_if,$(shell DATA_DIR='$(DATA_DIR)' scripts/check-idle))
	@exec $(BIN)/codegate serve --demo

test: build ## Run the whole test suite
	@$(BIN)/python -m pytest $(PYTEST)

RSGI_TESTS := $(addprefix tests/e2e/test_,turns.py client_bodies.py client_gone.py failover.py translation.py process_stop.py)

test-rsgi: build ## Run the end-to-end tests over RSGI that show it most; ALL=1 runs every one
	@$(BIN)/python -m pytest --interface rsgi $(if $(ALL),tests/e2e tests/contract,$(RSGI_TESTS)) $(PYTEST)

check: lint typecheck rust-check ## Run every static check and the Rust tests

format: build ## Format Python and Rust
	@$(BIN)/ruff format -q python tests benches scripts && $(BIN)/ruff check -q --fix python tests benches
	@cargo fmt --all

lint: build
	@$(BIN)/ruff format -q --check python tests benches
	@$(BIN)/ruff check -q python tests benches
	@$(BIN)/lint-imports --config pyproject.toml > $(STAMPS)/imports.log 2>&1 || { cat $(STAMPS)/imports.log; exit 1; }

typecheck: build
	@$(BIN)/mypy --no-error-summary python/codegate tests benches
	@$(BIN)/python -m mypy.stubtest codegate._native --concise

rust-check: build
	@cargo fmt --all --check
	@cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
	@PYO3_PYTHON=$(abspath $(BIN)/python) cargo clippy --quiet --locked --all-targets --features python,pyo3/extension-module -- -D warnings
	@cargo test --quiet --locked --workspace

bench: build ## Benchmark beside haproxy and nginx; QUICK=1 for the short form
	@$(BIN)/python -m benches.run $(if $(QUICK),--quick)

bench-peers: build ## Benchmark beside other gateways, installing them first; QUICK=1 for the short form
	@$(BIN)/python -m benches.peers $(if $(QUICK),--quick)

instructions: $(STAMPS)/environment ## Count the core's instructions, held to those stored; UPDATE=1 stores them
	@$(BIN)/python -m benches.instructions $(if $(UPDATE),--update)

guardrails-score: build ## Score the guardrail scanner on its corpus; MISSES=FILE lists faults
	@$(BIN)/python -m benches.guardrails $(if $(MISSES),--misses $(MISSES))

soak: build ## Repeat what has to hold for long: kills, memory, nonces, half an hour of load (about 40 minutes)
	@$(BIN)/python -m pytest -m soak $(PYTEST)
	@cargo test --release --quiet --locked --lib -- --ignored

test-clients: build ## Run real clients through the proxy
	@$(BIN)/python -m tests.clients

chaos: build ## Let accounts fail under many clients and count what they notice
	@$(BIN)/python -m tests.chaos

fuzz: ## Fuzz what reads bytes from outside; TIME=600 seconds a target, TARGETS="json framing"
	@scripts/fuzz $(or $(TIME),60) $(TARGETS)

lock: ## Renew the hashed requirements from pyproject.toml
	@scripts/lock

clean: ## Remove everything that was built
	@rm -rf $(VENV) $(STAMPS) target build dist .mypy_cache .ruff_cache .pytest_cache
