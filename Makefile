# One command each; every one of them sets up what it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin
OLDEST := tests/frames tests/api tests/kernels/test_interrupts.py

.PHONY: help demo test check bench lab clean

help:            ## show this
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

.venv/demo: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

.venv/dev: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

# The oldest pandas and ipykernel that are supported beside the newest of the rest, which .venv has.
.venv-oldest/dev: pyproject.toml
	@test -x .venv-oldest/bin/python || $(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --editable '.[dev]' 'pandas==2.2.*' 'pyarrow==20.*' 'ipykernel==6.*'
	@touch $@

demo: .venv/demo ## the main job on real data, headless; prints where the page lies
	$(BIN)/python notebooks/demo.py

lab: .venv/demo  ## the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks/01-tour.ipynb

check: .venv/dev ## seconds: style, types, layers, unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import-linter
	$(BIN)/pytest -q -m unit tests

test: .venv/dev .venv-oldest/dev ## everything, and what depends on pandas and ipykernel on their oldest versions too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import-linter
	.venv-oldest/bin/pytest -q $(OLDEST)
	$(BIN)/pytest

bench: .venv/dev ## figures beside the peers, as ratios
	$(BIN)/python benchmarks/run.py

clean:           ## forget what was built here
	rm -rf .venv .venv-oldest .cache build dist
