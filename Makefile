# `make` shows the targets. Nothing needs root; everything is installed into .venv, and uv into ~/.local if missing.
SHELL := /bin/bash
export PATH := $(HOME)/.local/bin:$(PATH)
# Hundreds of processes are started here: where this is set, each compiles anew all that it imports.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
.PHONY: help demo test evals check fmt messages bench uv sync

ARGS ?=
# One more than there are cores: tests of crashes and timeouts wait half of their time.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

help: ## Show this list
	@sed -nE 's/^([a-z]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-9s %s\n' "$$name" "$$text"; done

demo: uv ## Watch the crew repair a small broken world (ARGS="--fault NAME", "--all", "--yes", "--json")
	@uv run --frozen --no-dev naryad demo $(ARGS)

test: check ## Run what CI runs: the checks, then every test (ARGS="tests/naryad/gate -k resume")
	uv run pytest -n $(WORKERS) --dist worksteal $(ARGS)

evals: sync ## Play the agents' cases, and stop where they do worse than the baseline
	uv run naryad evals gate $(ARGS)

check: sync ## Formatting, lint, types and the one-way imports
	uv run ruff format --check .
	uv run ruff check .
	uv run mypy
	uv run lint-imports --no-logo

fmt: sync ## Format the code, fix what lint can fix, and bring the message catalogues up to date
	uv run ruff check --fix-only --exit-zero .
	uv run ruff format .
	$(MAKE) --no-print-directory messages

messages: sync ## Collect the texts shown to people, and compile the translations
	uv run python -m naryad.locale.messages

bench: sync ## Measure, and print the figures as JSON (ARGS="NAME …" for some of them)
	@uv run python -m bench $(ARGS)

# The development tools. The tiny real model of the `tinymodel` tests comes along with NARYAD_TINYMODEL=1, and by itself
# when uv has llama.cpp in its cache: building it the first time takes 10-25 minutes (25 at most here).
# Where it cannot be had those tests skip and say so. What is installed stays (--inexact).
TINYMODEL := uv sync --quiet --inexact --group tinymodel
CACHED := compgen -G "$$(uv cache dir)/sdists-v*/pypi/llama-cpp-python/*/*/*.whl" >/dev/null

sync: uv
	@case "$${NARYAD_TINYMODEL:-auto}" in \
	1) $(CACHED) || echo "Building llama.cpp once; this takes 10-25 minutes."; \
	   $(shell command -v timeout >/dev/null && echo timeout 1500) $(TINYMODEL) || uv sync --quiet --inexact;; \
	auto) { $(CACHED) && $(TINYMODEL); } || uv sync --quiet --inexact;; \
	*) uv sync --quiet --inexact;; \
	esac

uv:
	@command -v uv >/dev/null || { echo "Installing uv into ~/.local/bin …" >&2; \
	   python3 -m pip install --quiet --user uv 2>/dev/null \
	|| python3 -m pip install --quiet --user --break-system-packages uv 2>/dev/null \
	|| curl -LsSf https://astral.sh/uv/install.sh | env UV_NO_MODIFY_PATH=1 sh; }
	@command -v uv >/dev/null || { echo "uv could not be installed, neither with pip nor from astral.sh; nothing was changed." \
	   "Install it as https://docs.astral.sh/uv/ says, and run make again." >&2; exit 1; }
