# Chores in one word. `make demo` and `make test` are all a newcomer needs.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin

.PHONY: wording help demo test dev check format truth bench bench-short fuzz calibration translations other-duckdb chaos lowest lock clean

help:
	@echo "make demo    from a fresh clone to a finished report site on a simulated publisher"
	@echo "make test    every test"
	@echo "make dev     Dagster's own UI on the demo (http://127.0.0.1:3000)"
	@echo "make check   ruff, pyright and every test"
	@echo "make truth   does the pipeline recover the simulated truth? (20 publishers, some minutes)"
	@echo "make calibration  are 95 % ranges right under daily looks? (a minute; writes docs/methods/calibration.md)"
	@echo "make bench   speed and memory at size, as ratios (some minutes; EVENTS=N for other sizes)"
	@echo "make bench-short  the same in a minute on a small month, beside the ratios recorded before; CI runs it"
	@echo "make chaos   kill runs and the daemon at every stage, fill the disk; the next run must mend it (some minutes)"
	@echo "make other-duckdb  a second DuckDB, with which tests read the published file, one that is too old, and the command-line client"
	@echo "make translations  write new messages of the code into every language's file"
	@echo "make wording the model of wording on an archive of headline tests (ARCHIVE=FILE)"
	@echo "make lowest  a short set of tests on the lowest versions that are allowed (some minutes; needs uv)"
	@echo "make lock    resolve the dependencies into the four constraints files"

# A stamp is newer than what it was made from; a second call does nothing.
.venv/.installed: pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" sh environment.sh

.venv/.installed-dev: pyproject.toml constraints-dev.txt
	@PYTHON="$(PYTHON)" sh environment.sh dev

.venv/.installed-server: pyproject.toml constraints-server.txt
	@PYTHON="$(PYTHON)" sh environment.sh server

.venv/.installed-spark: pyproject.toml constraints-spark.txt
	@PYTHON="$(PYTHON)" sh environment.sh spark

demo: .venv/.installed
	@$(BIN)/askwell demo

test: .venv/.installed-dev
	@$(BIN)/python -m pytest

dev: .venv/.installed
	@test -f demo/askwell.toml || $(BIN)/askwell demo
	@$(BIN)/python -m askwell.dagster_home
	@ASKWELL_SETTINGS="$(CURDIR)/demo/askwell.toml" DAGSTER_HOME="$(CURDIR)/.dagster" DAGSTER_DISABLE_TELEMETRY=yes \
		$(BIN)/dagster dev -w workspace.yaml

check: .venv/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/python -m pytest

format: .venv/.installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

truth: .venv/.installed-dev
	@$(BIN)/python -m tests.simulation.truth --seeds 20

calibration: .venv/.installed-dev
	@$(BIN)/python -m tests.simulation.calibration

ARCHIVE ?= ../shared/data/upworthy_half.parquet
wording: .venv/.installed-dev
	@$(BIN)/python -m bench.wording "$(ARCHIVE)"

# A million rows of broken files: every row is accounted for, and nothing stops. Some minutes.
fuzz: .venv/.installed-dev
	@$(BIN)/python -m tests.analysis.test_any_order 1000000

EVENTS ?= 10000000
bench: .venv/.installed-dev
	@$(BIN)/python -m bench --events $(EVENTS)
	@$(BIN)/python -m bench.questions --events $(EVENTS)
	@$(BIN)/python -m bench.inference

bench-short: .venv/.installed-dev
	@$(BIN)/python -m bench.short $(if $(RECORD),--record "$(RECORD)")

chaos: .venv/.installed-dev
	@ASKWELL_CHAOS=1 $(BIN)/python -m pytest tests/end_to_end/test_recovery.py tests/end_to_end/test_daemon.py tests/end_to_end/test_upgrade.py

# The lowest versions that pyproject.toml allows, in an environment of their own, under a short set of tests. Needs uv.
LOWEST := tests/analysis/test_store.py tests/analysis/test_sufficient.py tests/analysis/test_retention.py tests/golden
lowest:
	@uv venv --quiet --allow-existing --python "$(PYTHON)" .venv/lowest
	@uv pip install --quiet --python .venv/lowest/bin/python --resolution lowest-direct -e ".[dev,alerts,postgres,notebooks]"
	@.venv/lowest/bin/python -m pytest -q -p no:cacheprovider $(LOWEST)

# Other DuckDBs than the locked one, beside the environment: 1.5 reads the published file, 1.4 is too old and must say so.
.venv/duckdb-%: | .venv/.installed
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python --target $@ "duckdb==$*.*"; \
		else $(PYTHON) -m pip install --quiet --target $@ "duckdb==$*.*"; fi
# The command-line client is a package of its own; it stands apart from what Askwell runs on.
.venv/duckdb-cli: | .venv/.installed
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python --target $@ duckdb-cli; \
		else $(PYTHON) -m pip install --quiet --target $@ duckdb-cli; fi
other-duckdb: .venv/duckdb-1.5 .venv/duckdb-1.4 .venv/duckdb-cli

translations: .venv/.installed-dev
	@$(BIN)/python -m dashboards.translations

# Needs uv. The files hold names, versions and hashes, and nothing about where a package came from. Pins that still fit
# are kept; `make lock UPGRADE=--upgrade` takes the newest of everything.
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
lock:
	@$(COMPILE) $(UPGRADE) pyproject.toml -o constraints.txt
	@$(COMPILE) $(UPGRADE) --extra postgres --extra alerts -c constraints.txt pyproject.toml -o constraints-server.txt
	@$(COMPILE) $(UPGRADE) --extra postgres --extra alerts --extra spark -c constraints.txt pyproject.toml -o constraints-spark.txt
	@$(COMPILE) $(UPGRADE) --all-extras -c constraints.txt pyproject.toml -o constraints-dev.txt

clean:
	@rm -rf demo .dagster .venv
