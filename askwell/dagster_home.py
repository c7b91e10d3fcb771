"""`python -m askwell.dagster_home`: write `.dagster/dagster.yaml` where it is missing. `make dev` calls it."""

from __future__ import annotations

from pathlib import Path

from askwell.run import prepare_dagster_home

if __name__ == "__main__":
    prepare_dagster_home(Path.cwd())
