# `make test` and `make demo` work on a fresh machine with Python >= 3.11, its pip, and make:
# both first build .venv from requirements.lock (every file checked by hash).

PYTHON ?= $(shell command -v python3.11 || command -v python3)
WORKERS ?= 2
VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin

# The demo writes beside the sources; nothing else here is a file named after its target.
.PHONY: test lint unit sim faults array-api demo slow-jobs docs bench memory lock clean
.DEFAULT_GOAL := test

test: lint
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src/

unit: $(VENV)/.installed
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow and not faults" tests/unit src/shoal

sim: $(VENV)/.installed
	SHOAL_SIM_SEEDS=2000 $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal tests/sim

faults: $(VENV)/.installed
	$(BIN)/python -m pytest -q -m faults tests/cluster

# The array API standard's own tests, from a checkout of github.com/data-apis/array-api-tests with
# its submodule; its requirements.txt must be installed in $(VENV). What is left out, and why, is
# in the file of exceptions.
SUITE ?= ../array-api-tests
array-api: $(VENV)/.installed
	cd $(SUITE) && ARRAY_API_TESTS_MODULE=shoal.array ARRAY_API_TESTS_XFAIL_MARK=skip \
	  $(abspath $(BIN))/python -m pytest -q array_api_tests --max-examples=3 --disable-deadline \
	  --xfails-file $(abspath tests/compat/array-api-xfails.txt)

demo: $(VENV)/.installed
	$(BIN)/python demo/run.py
	$(BIN)/python demo/globe.py
	$(BIN)/python demo/flights.py

# Eight jobs, each slow for one reason: does the dashboard name it within a minute?
slow-jobs: $(VENV)/.installed
	$(BIN)/python docs/how-to/slow_jobs.py

docs: $(VENV)/.installed
	$(BIN)/python docs/reference/generate.py

# Arrays four times the size of the memory they may have: 8 GB under 2 GiB, some minutes.
memory: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python bench/memory_bench.py --gb 8 --limit 2GiB
	$(BENCH_VENV)/bin/python bench/out_of_core_bench.py --memory 1GB

bench: $(BENCH_VENV)/.installed
	for file in bench/*_bench.py; do $(BENCH_VENV)/bin/python $$file || exit; done

# The environment is built anew when its lock, or the project's metadata, has changed.
# --without-pip: Debian's python3 can make an environment but not put pip into it unless
# python3-venv is installed as well, so pip stays outside and is pointed at the environment.
$(VENV)/.installed: requirements.lock pyproject.toml
$(BENCH_VENV)/.installed: requirements-bench.lock pyproject.toml
%/.installed:
	rm -rf $*
	$(PYTHON) -m venv --without-pip $*
	$(PYTHON) -m pip --python $*/bin/python install -q --require-hashes -r $<
	$(PYTHON) -m pip --python $*/bin/python install -q --no-deps --no-build-isolation -e .
	touch $@

# uv resolves for every platform and Python at once; pip alone could only lock for this one.
LOCK := compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --extra complete --extra demo --extra test \
	--group dev
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install -q uv
	.venv-lock/bin/uv pip $(LOCK) -o requirements.lock
	.venv-lock/bin/uv pip $(LOCK) --group bench -c requirements.lock -o requirements-bench.lock
	rm -rf .venv-lock

clean:
	rm -rf $(VENV) $(BENCH_VENV) .venv-lock build dist demo-output \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests demo bench docs -name __pycache__ -type d -prune -exec rm -rf {} +
