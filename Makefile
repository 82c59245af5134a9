# One command each; every one of them sets up what it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin
OLDEST := tests/frames tests/api tests/kernels/test_interrupts.py tests/kernels/test_completion.py tests/kernels/test_widgets.py
# Most tests wait for a server or a kernel. Each process has servers of its own: name one by its variable (CONTRIBUTING),
# and say SPREAD= so that only one process uses it.
SPREAD ?= --numprocesses=2 --dist=loadfile

.PHONY: help demo docs test check bench lab clean servers

help:            ## show this
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

.venv/demo: pyproject.toml $(wildcard native/Cargo.toml native/src/*.rs)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

.venv/docs: pyproject.toml $(wildcard native/Cargo.toml native/src/*.rs)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

.venv/dev: pyproject.toml $(wildcard native/Cargo.toml native/src/*.rs)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

# The oldest pandas and ipykernel that are supported beside the newest of the rest, which .venv has.
.venv-oldest/dev: pyproject.toml | .venv/dev # both write the native decoder into the tree
	@test -x .venv-oldest/bin/python || $(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --editable '.[dev]' 'pandas==2.2.*' 'pyarrow==20.*' 'ipykernel==6.*'
	@touch $@

# The peers of the benchmarks, in as few environments as they allow: awswrangler takes pyarrow up to 25 only, eland
# pandas up to 2.
.venv-peers/made: benchmarks/peers/packages.txt
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --requirement $<
	@touch $@

.venv-awswrangler/made: benchmarks/peers/packages-awswrangler.txt
	@test -x .venv-awswrangler/bin/python || $(PYTHON) -m venv .venv-awswrangler
	.venv-awswrangler/bin/python -m pip install --quiet --requirement $<
	@touch $@

.venv-eland/made: benchmarks/peers/packages-eland.txt
	@test -x .venv-eland/bin/python || $(PYTHON) -m venv .venv-eland
	.venv-eland/bin/python -m pip install --quiet --requirement $<
	@touch $@

# The servers that are put together rather than installed; a test that needs one does it too, and waits for it.
servers: .venv/dev
	$(BIN)/python -m tests.services.elasticsearch_build
	$(BIN)/python -m tests.services.versitygw_build

# dataknobs-data, whose programs read what ours store, and the other way.
.venv-dataknobs/made: tests/layouts/packages.txt
	@test -x .venv-dataknobs/bin/python || $(PYTHON) -m venv .venv-dataknobs
	.venv-dataknobs/bin/python -m pip install --quiet --requirement $<
	@touch $@

demo: .venv/demo ## the main job on real data, headless, and the other notebooks; prints where the pages lie
	$(BIN)/python notebooks/demo.py

lab: .venv/demo  ## the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks/01-tour.ipynb

docs: .venv/docs ## the documentation, into build/docs; open index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

check: .venv/dev ## seconds: style, types, layers, unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import-linter
	$(BIN)/pytest -q -m unit tests

test: .venv/dev .venv-oldest/dev .venv-dataknobs/made ## everything, and what depends on pandas and ipykernel on their oldest versions too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import-linter
	.venv-oldest/bin/pytest -q $(SPREAD) $(OLDEST)
	$(BIN)/pytest $(SPREAD)

bench: .venv/dev .venv-peers/made .venv-awswrangler/made .venv-eland/made .venv-dataknobs/made ## figures beside the peers, as ratios; WHAT=postgres: those alone
	$(BIN)/python benchmarks/run.py $(WHAT)

clean:           ## forget what was built here
	rm -rf .venv .venv-oldest .venv-peers .venv-awswrangler .venv-eland .venv-dataknobs .cache build dist
