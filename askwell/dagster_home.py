"""`python -m askwell.dagster_home`: write `.dagster/dagster.yaml` where it is missing. `make dev` calls it.

With `--after-stop`, before a daemon starts: runs of an earlier daemon that a stop of the machine left as started are
declared dead. Until then each would hold the only place in the queue, for as long as `max_runtime_seconds`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from analysis.errors import AskwellError
from analysis.settings import SETTINGS_FILE, read_settings
from analysis.store import Warehouse
from askwell.run import fail_dead_runs, prepare_dagster_home


def after_stop(settings_file: Path) -> int:
    """Declare an earlier daemon's runs dead where no process is writing; return how many.

    Called while no daemon runs, so that only a process that holds the write lock can be one of them.
    """
    import dagster as dg

    try:
        if Warehouse(read_settings(settings_file)).holder() is not None:
            return 0
    except AskwellError:
        return 0  # nothing is set up yet, or the settings have a mistake that the runs will name
    with dg.DagsterInstance.get() as instance:
        return fail_dead_runs(instance, of_daemon=True)


if __name__ == "__main__":
    prepare_dagster_home(Path.cwd())
    if "--after-stop" in sys.argv[1:]:
        dead = after_stop(Path(os.environ.get("ASKWELL_SETTINGS", SETTINGS_FILE)))
        if dead:
            sys.stderr.write(f"{dead} runs left over from a stop of the machine were declared dead.\n")
