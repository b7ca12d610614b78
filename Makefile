# Beyond the Next Click: `make help` lists what can be made. Everything runs in .venv,
# which the first command makes (a few minutes) and later ones reuse.

PYTHON    ?= python3
PORT      ?= 8000
# tests run in this many processes, each with one thread
WORKERS   ?= 2
# for pip, e.g. PIP_FLAGS="--index-url ..." to take a particular build of torch
PIP_FLAGS ?=
# for jupyter-book, e.g. BOOK_FLAGS=--all to build unchanged pages again
BOOK_FLAGS ?=
# for pytest, e.g. PYTEST_FLAGS="-k losses"
PYTEST_FLAGS ?=
# `make notebooks NB=book/06_intentions.ipynb` executes this one only
NB ?= $(NOTEBOOKS)

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
COLAB := .venv-colab
PEER  := .venv-peer
NOTEBOOKS := $(sort $(shell find book -name '*.ipynb' -not -path '*/assignments/*' \
	-not -path '*/_build/*' -not -path '*/.ipynb_checkpoints/*'))
ANSWERED := $(sort $(wildcard book/assignments/source/*/*.ipynb))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install book serve notebooks clean-notebooks new-chapter address bundle \
	colab release test check lint format types site-check browser nbval unit links \
	test-slow test-nbgrader test-colab peer clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

install: $(READY) ## make the virtual environment .venv

# The stamp is newer than both files exactly when .venv holds what they ask for.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit( \
		"Python 3.10 or newer is needed; set PYTHON=/path/to/python3")'
	@echo "Installing into $(VENV): this takes a few minutes, once."
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --prefer-binary $(PIP_FLAGS) \
		-r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps $(PIP_FLAGS) --editable .
	@touch $@

book: $(READY) ## build the site into _build/html
	$(BIN)/jupyter-book build . -n -W --keep-going $(BOOK_FLAGS)

serve: book ## build the site and serve it on 127.0.0.1 (PORT=8000)
	$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

notebooks: $(READY) ## execute the notebooks in place (one only: NB=path)
	@for notebook in $(NB); do \
		OMP_NUM_THREADS=1 DISREC_STORING=1 $(BIN)/jupyter nbconvert --execute \
			--to notebook \
			--inplace --ExecutePreprocessor.record_timing=False "$$notebook" \
			|| exit 1; \
	done
	$(BIN)/python tools/notebooks.py clean $(NB)
	$(BIN)/python tools/notebooks.py check $(NB)

clean-notebooks: $(READY) ## strip private metadata from the notebooks
	$(BIN)/python tools/notebooks.py clean $(NB)

new-chapter: $(READY) ## a new chapter (NAME=13_ablation TITLE="Which part works?")
	$(BIN)/python tools/notebooks.py new "$(NAME)" "$(TITLE)"

address: $(READY) ## write the repository's address (URL=...) into every file
	$(BIN)/python tools/notebooks.py address "$(URL)"

bundle: $(READY) ## after a change of stored results: record what they are
	$(BIN)/python tools/bundle.py

# What a release needs besides its tag: CONTRIBUTING.md, "A release".
colab: $(READY) ## the notebooks for Colab as branch `colab`; _build/assets for a release
	$(BIN)/python tools/colab.py --commit
	rm -rf _build/assets
	$(BIN)/python tools/bundle.py _build/assets
	$(BIN)/python -m pip wheel --quiet --no-deps $(PIP_FLAGS) --wheel-dir _build/assets .
	@ls -l _build/assets

release: $(READY) ## make the students' assignments from book/assignments/source
	$(BIN)/python tools/release.py

# Cheap checks first; the unit tests last, so that their closing line is the last line
# but for one: without Chromium the built pages were not opened, which must not be missed.
test: lint types site-check browser nbval unit ## everything that has to pass
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
		printf '%s\n' "NOT TESTED: the built pages were not opened, for want of Chromium." \
		"To get it: apt-get install chromium (Debian, Ubuntu), then make browser."

check: lint types ## what to run after every change: style, types, the quick tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n $(WORKERS) --dist loadgroup tests \
		-m "not slow and not browser and not kernel and not killing" $(PYTEST_FLAGS)

lint: $(READY) ## ruff, and notebooks executed in order and without private metadata
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/notebooks.py check $(NOTEBOOKS)

format: $(READY) ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## mypy on the package
	$(BIN)/mypy

# --all: Sphinx would stay silent about pages that it has already read.
site-check: $(READY) ## build every page of the site anew, warnings are errors
	$(BIN)/jupyter-book build . -n -W --keep-going --all

# Every page is opened once; the last lines say what it weighs.
browser: book ## the built site in Chromium: speed, phones, keyboard, contrast
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "browser and not slow" -n $(WORKERS) \
		--dist loadgroup tests/browser $(PYTEST_FLAGS)

nbval: $(READY) ## run the notebooks and compare with their stored outputs
ifeq ($(NOTEBOOKS),)
	@echo "There are no notebooks under book/ yet."
else
	OMP_NUM_THREADS=1 $(BIN)/pytest --nbval-lax --nbval-current-env \
		--nbval-cell-timeout=300 -n $(WORKERS) --dist loadfile \
		$(NOTEBOOKS) $(ANSWERED) $(PYTEST_FLAGS)
endif

unit: $(READY) ## pytest on tests/, without those marked slow or browser
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow and not browser" -n $(WORKERS) \
		--dist loadgroup --durations=5 tests $(PYTEST_FLAGS)

# Not part of `make test`: it needs the network, and other people's sites to be up.
links: $(READY) ## ask every address on the pages whether it is there (network)
	$(BIN)/jupyter-book build . --builder custom --custom-builder linkcheck

# Hosted notebooks are older in places: the same versions here, in an environment apart.
$(COLAB)/.ready: requirements-colab.txt
	test -x $(COLAB)/bin/pip || $(PYTHON) -m venv --clear $(COLAB)
	$(COLAB)/bin/python -m pip install --quiet --prefer-binary $(PIP_FLAGS) \
		-r requirements-colab.txt
	$(COLAB)/bin/python -m pip install --quiet --no-deps $(PIP_FLAGS) --editable .
	@touch $@

test-colab: $(COLAB)/.ready ## run the notebooks with Colab's versions (one: NB=path)
	OMP_NUM_THREADS=1 $(COLAB)/bin/pytest --nbval-lax --nbval-current-env \
		--nbval-cell-timeout=300 $(NB) $(PYTEST_FLAGS)

# Another library, with older needs, in an environment apart: Python 3.11 or 3.12.
$(PEER)/.ready: benchmarks/peer-requirements.txt
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 13) or sys.exit( \
		"The peer needs Python 3.11 or 3.12; set PYTHON=/path/to/python3.11")'
	test -x $(PEER)/bin/pip || $(PYTHON) -m venv --clear $(PEER)
	$(PEER)/bin/python -m pip install --quiet --prefer-binary $(PIP_FLAGS) \
		-r benchmarks/peer-requirements.txt
	$(PEER)/bin/python -m pip install --quiet --no-deps $(PIP_FLAGS) --editable .
	@touch $@

peer: $(PEER)/.ready ## RecTools beside us in .venv-peer, for benchmarks/quality.py
	$(PEER)/bin/python benchmarks/peer.py

test-slow: $(READY) ## the tests marked slow
	$(BIN)/pytest -m slow tests $(PYTEST_FLAGS)

test-nbgrader: $(READY) ## every stored answer through nbgrader and grade.py (half an hour)
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow tests/test_grading.py $(PYTEST_FLAGS)

clean: ## remove .venv, the built site and all caches
	rm -rf $(VENV) $(COLAB) $(PEER) _build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name .git -prune -o -type d \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
