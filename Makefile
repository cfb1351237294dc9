.PHONY: help check test

help: ## this list
	@grep -hE "^[a-z]+:.*##" Makefile | sed -E "s/^([a-z]+):.*## /\1\t/" | expand -t 12

check: ## lint, types, layers, unit tests
	@deploy/local/bootstrap.sh
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/pytest -q tests/unit

test: check ## install and build what is missing (once about 5 minutes), run every test
	.venv/bin/python -m deploy.local build
	CATALYST_REQUIRE_PLATFORM=1 .venv/bin/pytest -q tests/workflows tests/gateways
