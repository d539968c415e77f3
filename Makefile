# Each target sets up what it needs. `make demo` is the place to start.
VENV ?= .venv
PYTHON ?= python3.11
CORES ?= 2
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# The logger plugin is found through PYTHONPATH; it draws the stages and the running jobs on a terminal.
export PYTHONPATH := workflow/logger
# Snakemake's own lock outlives a kill -9 and must then be taken off by hand; the kernel takes flock's off.
SNAKEMAKE := flock --nonblock --conflict-exit-code 9 $(VENV)/demo.done snakemake --nolock --cores $(CORES) \
	--logger mixdistill

.PHONY: demo test test-fast lint lock toy-models config-docs

demo: $(VENV)/demo.done ## The toy study: from problems to results/report/index.html.
	@$(SNAKEMAKE) || { test $$? -ne 9 || echo "make demo is already running in this folder"; exit 1; }
	@echo "The report: results/report/index.html"

test: $(VENV)/test.done lint ## Lint, then every test; the toy study runs in it end to end.
	pytest -n 2 --dist loadfile

lint: $(VENV)/test.done ## ruff, snakefmt, snakemake --lint.
	ruff check .
	ruff format --check .
	snakefmt --check workflow
	snakemake --lint

toy-models: $(VENV)/demo.done ## Rebuild resources/toy/ from nothing (fixed seeds).
	python scripts/make_toy.py

config-docs: $(VENV)/demo.done ## Rewrite config/README.md from the recipes.
	python scripts/document_config.py

lock: $(VENV)/test.done ## Rewrite the pins in envs/ from what is installed in $(VENV).
	python envs/lock.py

$(VENV)/demo.done: envs/demo.txt
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --disable-pip-version-check -r envs/demo.txt
	touch $@

$(VENV)/test.done: envs/test.txt $(VENV)/demo.done
	pip install --quiet --disable-pip-version-check -r envs/test.txt
	touch $@
