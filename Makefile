# Two commands matter: `make reports` builds the site, `make test` checks everything. `make` alone explains the rest.
# PYTHON=python (or any interpreter that has kdelab's dependencies) replaces the project's own .venv.

ENV := .venv
ifdef PYTHON
READY :=
else
PYTHON := $(ENV)/bin/python
READY := $(ENV)/ready
endif
BASE ?= python3
RUN := $(PYTHON) -m
# Two test workers or two notebooks run side by side, so each gets one thread; the report commands see to it themselves.
ONE_THREAD := NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export PYTHONUNBUFFERED := 1
# This checkout's kdelab, in kernels too, even if PYTHON's environment has another one.
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))
# PyTorch, JAX and Dask stay out of the lock: each is an environment of its own.
LOCKED := record completion notebooks dev
NBVAL := --nbval --nbval-current-env --nbval-kernel-startup-timeout 300

.DEFAULT_GOAL := help
.PHONY: help env env-torch env-jax env-jax-oldest env-distributed lock reports notebooks unit coverage lowest test test-torch test-jax test-jax-oldest test-distributed test-all release lint mutants lab bench history battles dial evidence networks duels clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

env: $(READY) ## build .venv from the lock, if it is missing or out of date

$(ENV)/ready: requirements.lock pyproject.toml
	$(BASE) tools/env.py

env-torch: ## build .venv-torch: the lock, and PyTorch on top, as pinned in pyproject.toml
	$(BASE) tools/env.py torch

env-jax: ## build .venv-jax: the lock, and JAX on top, as pinned in pyproject.toml
	$(BASE) tools/env.py jax

env-jax-oldest: ## build .venv-jax-oldest, with the oldest JAX that pyproject.toml allows
	$(BASE) tools/env.py jax-oldest

env-distributed: ## build .venv-distributed: the lock, and Dask on top, as pinned in pyproject.toml
	$(BASE) tools/env.py distributed

lock: $(READY) ## resolve the newest versions again and write requirements.lock
	$(RUN) uv pip compile --quiet --universal --python-version 3.11 $(LOCKED:%=--extra %) --generate-hashes --no-annotate \
	  --no-emit-index-url --custom-compile-command "make lock" --upgrade --output-file requirements.lock pyproject.toml

reports: $(READY) ## run the notebooks that changed and build reports/index.html
	$(RUN) kdelab.report site

notebooks: $(READY) ## refresh the outputs committed in notebooks/, and the published verdicts that follow from them
	$(PYTHON) docs/house.py
	$(RUN) kdelab.report notebooks
	$(PYTHON) docs/fan.py

lint: $(READY)
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(PYTHON) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

unit: $(READY) ## the unit tests alone
	$(ONE_THREAD) $(RUN) pytest -n 2 --dist loadgroup -m "not slow"

coverage: $(READY) ## the unit tests, and which lines of Python they don't reach (compiled code isn't seen)
	rm -f .coverage .coverage.*
	$(ONE_THREAD) $(RUN) coverage run -m pytest -n 2 --dist loadgroup -m "not slow"
	$(RUN) coverage combine --quiet && $(RUN) coverage report && $(RUN) coverage xml -o reports/coverage.xml

lowest: ## the unit tests of loss, study, learn and gun with the oldest releases that pyproject.toml allows
	rm -rf .venv-lowest && $(BASE) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest --resolution lowest-direct --editable ".[record,notebooks,dev]"
	$(ONE_THREAD) .venv-lowest/bin/python -m pytest -n 2 --dist loadgroup -m "not slow" tests/loss tests/study tests/learn tests/gun

test: lint ## lint, types, layers, unit tests, strict nbval on every notebook, report tests
	$(ONE_THREAD) $(RUN) pytest -n 2 --dist loadgroup -m "not slow"
	$(ONE_THREAD) $(RUN) pytest -n 2 --dist loadscope $(NBVAL) notebooks

test-torch: env-torch ## the tests of kdelab.torch
	$(ONE_THREAD) .venv-torch/bin/python -m pytest -n 2 --dist loadgroup tests/frameworks/torch

test-jax: env-jax ## the tests of kdelab.jax
	$(ONE_THREAD) .venv-jax/bin/python -m pytest -n 2 --dist loadgroup tests/frameworks/jax

test-jax-oldest: env-jax-oldest ## the same with the oldest JAX that pyproject.toml allows
	$(ONE_THREAD) .venv-jax-oldest/bin/python -m pytest -n 2 --dist loadgroup tests/frameworks/jax

test-distributed: env-distributed ## the tests of kdelab.distributed, with real worker processes
	$(ONE_THREAD) .venv-distributed/bin/python -m pytest -n 2 --dist loadgroup tests/frameworks/distributed

test-all: $(READY) ## what `make test` leaves out: other parameters, more wrong libraries, more battles
	$(ONE_THREAD) $(RUN) pytest -n 2 --dist loadgroup -m slow

mutants: $(READY) ## edit the library at random and see which edits the unit tests don't notice (an hour)
	$(PYTHON) tests/helpers/mutate.py

lab: $(READY) ## open copies of the notebooks, in lab/, in JupyterLab; LAB="--ip=0.0.0.0": with these options
	$(PYTHON) tools/lab.py $(LAB)

bench: $(READY) ## time the loss against its peers, in an environment of their own
	$(RUN) benchmarks

history: $(READY) ## time our own losses and the gun against the entry before in benchmarks/history.csv
	$(ONE_THREAD) $(RUN) benchmarks.history

battles: $(READY) ## record the sample robots' battles again (needs Debian's robocode and a JRE); SET=confirm or SET=fresh: the others (a JDK)
	$(RUN) kdelab.gun battles $(SET)

dial: $(READY) ## compute again what notebook 07 decides from: guns and surfers that chase or give up (half an hour)
	$(ONE_THREAD) $(RUN) kdelab.gun.compare dial

evidence: $(READY) ## compute again what notebooks 07, 08, 09, 13, 15 and 16 take from files (an hour and a half)
	$(foreach one,dial hard retraining learned censored refinements,$(ONE_THREAD) $(RUN) kdelab.gun.compare $(one) &&) true

networks: env-torch ## compute again what notebook 17 decides from: a network against fourteen weights (half an hour; PyTorch)
	$(ONE_THREAD) .venv-torch/bin/python -m kdelab.gun.compare networks

duels: $(READY) ## fight again what notebook 16 decides from: real battles of trained guns (Robocode and a JDK; an hour)
	$(ONE_THREAD) $(RUN) kdelab.gun.compare.live .duels

release: $(READY) ## rehearse a release: sdist, wheel, twine's opinion, the documents' lines in an empty environment
	$(PYTHON) tools/release.py

clean: ## remove what was built: environments, pages (not files of your own beside them), caches
	rm -rf $(ENV) .venv-torch .venv-jax .venv-jax-oldest .venv-distributed .venv-lock .venv-lowest .bench .coverage .coverage.* dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	cd reports && { sha256sum --check .made 2>/dev/null || :; } | sed -n 's/: OK$$//p' | \
	  while IFS= read -r file; do rm -f -- "$$file"; done
	rm -rf reports/.made reports/.work-* && { rmdir reports/observations reports/docs reports/api reports/cards 2>/dev/null || :; }
	find kdelab tests -name __pycache__ -type d -exec rm -rf {} +
