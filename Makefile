p ?= 
LIFECYCLES ?= 100
SEED ?= 0
.PHONY: help demo up down purge status logs check test bench chaos soak crashes

help: ## this list
	@grep -hE "^[a-z]+:.*##" Makefile | sed -E "s/^([a-z]+):.*## /\1\t/" | expand -t 12

demo: up ## bring everything up, then take each sample from its pull request to a URL and back to nothing (5 minutes, the first time 20)
	@.venv/bin/python -m deploy.demo

up: ## start the local platform and the product (the first time builds it, about 20 minutes)
	@deploy/local/bootstrap.sh
	@.venv/bin/python -m deploy.local up

down: ## stop them; their state stays
	@deploy/local/bootstrap.sh
	@.venv/bin/python -m deploy.local down

purge: ## stop them, remove state and cache
	@deploy/local/bootstrap.sh
	@.venv/bin/python -m deploy.local purge

status: ## how the platform is
	@.venv/bin/python -m deploy.local status

logs: ## follow what its programs say; of one: make logs p=worker
	@.venv/bin/python -m deploy.local logs $(p)

check: ## lint, types, layers, unit tests
	@deploy/local/bootstrap.sh
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/pytest -q -n 2 tests/unit

test: check ## start the platform on fresh state (the first time builds it, about 20 minutes), run every test, stop it when all went well
	.venv/bin/python -m deploy.local up --profile test --fresh
	CATALYST_REQUIRE_PLATFORM=1 .venv/bin/pytest -q --durations=8 -n 3 --dist loadfile --no-loadscope-reorder tests/crashes tests/workflows tests/sidecar tests/disorder tests/emulators tests/gateways tests/api tests/replay
	CATALYST_REQUIRE_PLATFORM=1 .venv/bin/pytest -q --durations=8 -n 4 --dist worksteal -m "not alone" tests/e2e
	CATALYST_REQUIRE_PLATFORM=1 .venv/bin/pytest -q --durations=8 -m alone tests/e2e
	.venv/bin/python -m tests.soak --lifecycles 20
	CATALYST_REQUIRE_PLATFORM=1 .venv/bin/pytest -q tests/lifecycle

bench: ## measure the running platform beside its floor: a JSON list of figures (half an hour)
	@deploy/local/bootstrap.sh >&2
	@.venv/bin/python -m deploy.local up >&2
	@.venv/bin/python -m tests.bench

crashes: ## kill -9 at every step of every scenario, and 200 lives in any order, over fake gateways (an hour; no platform needed)
	@deploy/local/bootstrap.sh
	CATALYST_EVERY_CRASH=1 .venv/bin/pytest -q -s --timeout 7200 tests/crashes
	CATALYST_EXAMPLES=200 .venv/bin/pytest -q --timeout 7200 tests/disorder

chaos: ## outages, storms and vandalism on the running platform (an hour)
	@deploy/local/bootstrap.sh
	@.venv/bin/python -m deploy.local up
	CATALYST_REQUIRE_PLATFORM=1 .venv/bin/pytest -v --timeout 3600 tests/chaos

soak: ## random lives of pull requests with kills and lost webhooks; what they left, as JSON: make soak LIFECYCLES=200 SEED=7
	@deploy/local/bootstrap.sh >&2
	@.venv/bin/python -m deploy.local up >&2
	@.venv/bin/python -m tests.soak --lifecycles $(LIFECYCLES) --seed $(SEED)
