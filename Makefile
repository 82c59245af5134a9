# One command each; every one of them sets up what it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin
OLDEST := tests/frames tests/api tests/kernels/test_interrupts.py tests/kernels/test_completion.py tests/kernels/test_widgets.py
NEWEST := tests/kernels/test_nested_run.py tests/jupyter/test_nesting.py tests/jupyter/test_flags.py \
	tests/frames/test_from_arrow.py tests/frames/test_to_arrow.py tests/frames/test_source.py tests/api/test_reading.py \
	tests/api/test_writing.py tests/api/test_looking.py tests/api/test_round_trip.py tests/api/test_dask.py
# One build of the native decoder serves every Python: named here, cargo compiles it for the first of them only.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
# Takes seconds where pip takes minutes, and pip brings it; further environments are links into its cache.
UV := UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 UV_HTTP_TIMEOUT=180 $(BIN)/uv --quiet
NATIVE := $(wildcard native/Cargo.toml native/src/*.rs)
# Most tests wait for a server or a kernel. Each process has servers of its own: name one by its variable (CONTRIBUTING),
# and say SPREAD= so that only one process uses it.
SPREAD ?= --numprocesses=2 --dist=loadfile

.PHONY: help demo docs test check bench lab pictures clean servers

help:            ## show this
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

$(BIN)/uv:
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet 'uv>=0.13'

.venv/demo: pyproject.toml $(NATIVE) | $(BIN)/uv
	$(UV) pip install --python $(BIN)/python --editable '.[demo]'
	@touch $@

.venv/docs: pyproject.toml $(NATIVE) | $(BIN)/uv
	$(UV) pip install --python $(BIN)/python --editable '.[docs]'
	@touch $@

.venv/dev: pyproject.toml $(NATIVE) | $(BIN)/uv
	$(UV) pip install --python $(BIN)/python --editable '.[dev]'
	@touch $@

# The oldest pandas and ipykernel that are supported beside the newest of the rest, which .venv has.
.venv-oldest/dev: pyproject.toml | .venv/dev # both write the native decoder into the tree
	@test -x .venv-oldest/bin/python || $(UV) venv --python $(BIN)/python .venv-oldest
	$(UV) pip install --python .venv-oldest/bin/python --editable '.[dev]' 'pandas==2.2.*' 'pyarrow==20.*' 'ipykernel==6.*'
	@touch $@

# The newest Python that the package is made for and that is on this machine; empty where .venv has it.
.venv-newest/dev: pyproject.toml .ci/newest_python.py | .venv-oldest/dev # which writes the native decoder too
	@mkdir -p .venv-newest
	@newest=$$($(BIN)/python .ci/newest_python.py) && if test -n "$$newest"; then \
		$(UV) venv --clear --python "$$newest" .venv-newest && \
		$(UV) pip install --python .venv-newest/bin/python --editable '.[dev]' && \
		$(UV) pip check --python .venv-newest/bin/python; fi
	@touch $@

# The peers of the benchmarks, in as few environments as they allow: awswrangler takes pyarrow up to 25 only, eland
# pandas up to 2.
.venv-peers/made: benchmarks/peers/packages.txt | $(BIN)/uv
	@test -x .venv-peers/bin/python || $(UV) venv --python $(BIN)/python .venv-peers
	$(UV) pip install --python .venv-peers/bin/python --requirement $<
	@touch $@

.venv-awswrangler/made: benchmarks/peers/packages-awswrangler.txt | $(BIN)/uv
	@test -x .venv-awswrangler/bin/python || $(UV) venv --python $(BIN)/python .venv-awswrangler
	$(UV) pip install --python .venv-awswrangler/bin/python --requirement $<
	@touch $@

.venv-eland/made: benchmarks/peers/packages-eland.txt | $(BIN)/uv
	@test -x .venv-eland/bin/python || $(UV) venv --python $(BIN)/python .venv-eland
	$(UV) pip install --python .venv-eland/bin/python --requirement $<
	@touch $@

# The servers that are put together rather than installed; a test that needs one does it too, and waits for it.
servers: .venv/dev
	$(BIN)/python -m tests.services.elasticsearch_build
	$(BIN)/python -m tests.services.versitygw_build

# dataknobs-data, whose programs read what ours store, and the other way.
.venv-dataknobs/made: tests/layouts/packages.txt | $(BIN)/uv
	@test -x .venv-dataknobs/bin/python || $(UV) venv --python $(BIN)/python .venv-dataknobs
	$(UV) pip install --python .venv-dataknobs/bin/python --requirement $<
	@touch $@

demo: .venv/demo ## the main job on real data, headless, and the other notebooks; prints where the pages lie
	$(BIN)/python notebooks/demo.py

lab: .venv/demo  ## the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks/01-tour.ipynb

docs: .venv/docs ## the documentation, into build/docs; open index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

pictures: .venv/dev ## what the README and the documentation show of JupyterLab, into docs/pictures
	$(BIN)/pytest -q -p no:randomly tests/browser/pictures.py

check: .venv/dev ## seconds: style, types, layers, unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import-linter
	$(BIN)/pytest -q -m unit tests

test: .venv/dev .venv-oldest/dev .venv-newest/dev .venv-dataknobs/made ## everything; what depends on pandas and ipykernel on their oldest versions too, and some on the newest Python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import-linter
	.venv-oldest/bin/pytest -q $(SPREAD) $(OLDEST)
	@if test -x .venv-newest/bin/pytest; then set -x; .venv-newest/bin/pytest -q $(SPREAD) $(NEWEST); \
		else echo "no newer Python than that of .venv is here: its tests are those below"; fi
	$(BIN)/pytest $(SPREAD)

bench: .venv/dev .venv-peers/made .venv-awswrangler/made .venv-eland/made .venv-dataknobs/made ## figures beside the peers, as ratios; WHAT=postgres: those alone
	$(BIN)/python benchmarks/run.py $(WHAT)

clean:           ## forget what was built here
	rm -rf .venv .venv-oldest .venv-newest .venv-peers .venv-awswrangler .venv-eland .venv-dataknobs .cache build dist
