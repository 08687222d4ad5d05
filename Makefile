# Two things to type: `make report` runs the project's main job, `make test` everything that CI runs.
PYTHON ?= python3
BIN := .venv/bin
# Records of test runs are nobody's results.
TEST_RESULTS := .test-results
# Of the equivalence suite: what trains most is over soonest on torch, and a few files are for every engine.
ON_TORCH := architectures covering_recipes generated_recipes lifecycles seeded_faults
ON_EACH := batches initial_weights real_data
suite = $(patsubst %,equivalence/test_%.py,$(1))

.PHONY: report test lint browser nightly mutants lock clean

report: .venv/ready
	$(BIN)/pytest equivalence/ || test $$? -eq 1  # a failed comparison belongs on the page too
	$(BIN)/pytest bench/ --benchmark-save || test $$? -eq 1
	$(BIN)/keras-styles dashboard

# Each test of the equivalence suite runs on one engine at least, so that all of this takes some twenty minutes on
# two cores; on every engine and Python the workflow `equivalence` runs all of it.
test: .venv/ready-for-tests lint browser
	rm -rf $(TEST_RESULTS)  # an earlier run may have been interrupted, and this one would not go on with that
	$(BIN)/pytest tests/ -n 2 -k "not test_a_script_trains"
	# What a script has to repeat depends on the engine: torch draws from one generator for everything. It traces nothing,
	# so it is also the soonest to go through all that a script can say.
	KERAS_BACKEND=torch $(BIN)/pytest tests/test_reproduction.py tests/test_training.py -n 2 -k "not shrunk"
	KERAS_STYLES_RESULTS=$(TEST_RESULTS) $(BIN)/pytest equivalence/ -rs $(addprefix --ignore=,$(call suite,$(ON_TORCH)))
	KERAS_BACKEND=torch KERAS_STYLES_RESULTS=$(TEST_RESULTS) $(BIN)/pytest -rs $(call suite,$(ON_TORCH) $(ON_EACH))
	KERAS_BACKEND=jax KERAS_STYLES_RESULTS=$(TEST_RESULTS) $(BIN)/pytest -rs $(call suite,execution $(ON_EACH))
	# The tests above have measured on jax.
	for engine in tensorflow torch; do \
		KERAS_BACKEND=$$engine KERAS_STYLES_RESULTS=$(TEST_RESULTS) $(BIN)/pytest bench/ --benchmark-save \
			--bench-processes=1 -k linear_regression || exit; \
	done
	# The naive way is over soonest on jax; on the others its 300 epochs take a minute.
	KERAS_BACKEND=jax KERAS_STYLES_RESULTS=$(TEST_RESULTS) $(BIN)/pytest bench/test_throughput.py
	$(BIN)/keras-styles costs --results $(TEST_RESULTS)
	$(BIN)/keras-styles dashboard --results $(TEST_RESULTS)
	$(BIN)/keras-styles summary --results $(TEST_RESULTS)

lint: .venv/ready-for-tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# What the tests of the site open it in: the system's Chromium, Debian's where it can be installed, or playwright's own.
browser: .venv/ready-for-tests
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v $$name > /dev/null && exit; \
	done; \
	if test "$$(id -u)" = 0 && command -v apt-get > /dev/null; then \
		apt-get -qq update && apt-get -qq --yes --no-install-recommends install chromium; \
	else \
		$(BIN)/playwright install chromium; \
	fi || echo "No browser could be installed, so the tests of the site are skipped, or fail in CI."

# Ten thousand generated problems, with a seed of their own; 20 to 30 minutes on two cores.
nightly: .venv/ready
	$(BIN)/pytest equivalence/ --hypothesis-profile=nightly

# Breaks what decides over agreement in every small way, and counts what the tests notice; ten minutes on two cores.
mutants: .venv/ready-for-tests
	$(BIN)/mutmut run
	$(BIN)/mutmut results

# Of all that is installed little is ever imported: to compile the rest as well takes a minute and more. But what is
# imported has to be kept compiled: every process of the tests would compile it again, which takes two thirds of its start.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) .
	touch $@

.venv/ready-for-tests: .venv/ready
	$(INSTALL) '.[jax,torch,dev]'
	touch $@

# Resolves all dependencies anew, for every supported Python.
lock: .venv/ready
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate --no-header \
		--upgrade pyproject.toml --output-file constraints.txt

clean:
	rm -rf .venv $(TEST_RESULTS) .hypothesis .mypy_cache .pytest_cache .ruff_cache
