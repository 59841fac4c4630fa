# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
NATION ?= korea
SIZE ?= xs
RUN ?= runs/$(NATION)
PORT ?= 8000
PYTHON ?= python3
TORCH_INDEX ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
TORCH := torch==$(shell sed -n 's/^torch==//p' constraints.txt)
STAMP := .venv/.ready-$(shell cat pyproject.toml constraints.txt 2>/dev/null | cksum | cut -d' ' -f1)
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test screenshots test-slow bench bench-gpu baselines lint format check clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(STAMP)  ## make .venv with the sejong command (TORCH_INDEX=URL: take PyTorch from that index)
$(STAMP):
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not on this machine: install Python 3.11 or newer (apt-get install python3 python3-venv)"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11: give another with PYTHON=python3.12"; exit 2; }
	@echo "setting up .venv (a few minutes the first time)"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv || { rm -rf .venv; echo "make: this Python has no venv module: apt-get install python3-venv"; exit 2; }
	@$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$(TORCH)"
	@$(PIP) -e '.[serve]'
	@touch $@

setup-test: $(STAMP)-test
$(STAMP)-test: $(STAMP)
	@$(PIP) -e '.[serve,postgres,ray,icu,test]'
	@touch $@

demo: setup  ## build a nation's model from real text and serve it (NATION=korea, SIZE=xs, PORT=8000)
	@$(BIN)/sejong build $(NATION) --size $(SIZE) --run $(RUN)
	@exec $(BIN)/sejong serve $(RUN) --port $(PORT)

test: setup-test  ## the tests, with coverage (TESTS=tests/flow: a part of them)
	@$(BIN)/python -m pytest $(TESTS) -m "not slow" --cov --cov-report=term

screenshots: setup-test  ## remake the README's picture with the browser test, from the run of `make demo`
	@SEJONG_TEST_RUN=$(RUN) SEJONG_SCREENSHOTS=.screenshots $(BIN)/python -m pytest tests/serve/portal/test_served.py
	@cp .screenshots/portal-answer-1180.png docs/images/portal.png

test-slow: setup-test  ## the tests that take minutes
	@$(BIN)/python -m pytest tests -m slow

bench: setup-test  ## every benchmark, each side by side with its peer
	@for program in benchmarks/*.py; do echo "== $$program"; $(BIN)/python $$program || exit 1; done

bench-gpu: setup-test  ## pretraining of 1B parameters on the accelerator: share of its bf16 peak
	@$(BIN)/python benchmarks/pretrain.py --device accelerator

baselines: setup  ## install the foreign open model that `evaluate` compares with (about 250 MB, Gemma's terms)
	@$(BIN)/python scripts/baselines.py

lint: setup-test  ## style, types, and the arrows between packages
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: setup-test  ## rewrite the code in the house style
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

check: lint test  ## what CI runs

clean:  ## remove .venv (runs/ stays)
	@rm -rf .venv
