"""What the pipeline looks out for."""

import hashlib
import json
from datetime import datetime, timedelta

import dagster as dg

from analysis.errors import AskwellError
from analysis.landing import content_hash
from analysis.settings import Publisher
from analysis.sources.mapping import files_to_read, source_mappings
from assets.partitions import days_of, range_tags
from assets.resources import Workspace

#: Tag of an ingest run: which attempt at its files it is.
ATTEMPT = "askwell/attempt"

#: Attempts at the same files, and the wait before the second; it doubles from attempt to attempt.
MOST_ATTEMPTS = 6
FIRST_WAIT = timedelta(minutes=10)

#: Files looked at in one tick; the rest waits for the next, so that a tick stays within Dagster's minute.
FILES_PER_TICK = 500


def landing_sensor(job_name: str, publisher: Publisher) -> dg.SensorDefinition:
    """Start one ingest run for the files whose content was not seen before, and again where that run failed.

    The cursor maps a path to size, time of change and content hash: size and time only save reading a file again, the
    content decides. A run that failed is asked for again after `FIRST_WAIT`, then after twice that, and so on.
    """

    @dg.sensor(
        job_name=job_name,
        name="landing",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=60,
        description="New, changed and late files under the landing folder, by content and not by name.",
    )
    def landing(
        context: dg.SensorEvaluationContext, workspace: dg.ResourceParam[Workspace]
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            settings = workspace.settings()
        except AskwellError as problem:
            return dg.SkipReason(str(problem))
        seen: dict[str, list[str]] = json.loads(context.cursor) if context.cursor else {}
        files, _ = files_to_read(settings, source_mappings(settings))
        fresh: dict[str, str] = {}
        cursor: dict[str, list[str]] = {}
        for file in files:
            stamp = f"{file.bytes}-{file.modified_ns}"
            known = seen.get(file.name)
            if known is not None and known[0] == stamp:
                cursor[file.name] = known
            elif len(fresh) < FILES_PER_TICK:
                digest = content_hash(file.path)
                cursor[file.name] = [stamp, digest]
                if known is None or known[1] != digest:
                    fresh[file.name] = digest
        if not fresh:
            again = _failed_run(context.instance, workspace.clock())
            if again is not None:
                return dg.SensorResult(run_requests=[again], cursor=json.dumps(cursor))
            return dg.SensorResult(skip_reason=dg.SkipReason("Nothing new has landed."), cursor=json.dumps(cursor))
        yesterday = workspace.clock().astimezone(settings.zone).date() - timedelta(days=1)
        first, last = days_of(list(fresh), yesterday, publisher)
        key = hashlib.sha256(json.dumps(sorted(fresh.items())).encode()).hexdigest()[:32]
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=key, tags={**range_tags(first, last), ATTEMPT: "1"})],
            cursor=json.dumps(cursor),
        )

    return landing


def _failed_run(instance: dg.DagsterInstance, now: datetime) -> dg.RunRequest | None:
    """The sensor's last run once more, where it failed, nothing has succeeded since, and its wait is over."""
    records = instance.get_run_records(limit=1, filters=dg.RunsFilter(tags={"dagster/sensor_name": "landing"}))
    if not records or records[0].dagster_run.status is not dg.DagsterRunStatus.FAILURE:
        return None
    run, ended = records[0].dagster_run, records[0].end_time or records[0].update_timestamp.timestamp()
    attempt = int(run.tags.get(ATTEMPT, "1"))
    if attempt >= MOST_ATTEMPTS or now.timestamp() < ended + FIRST_WAIT.total_seconds() * 2 ** (attempt - 1):
        return None
    first = run.tags["dagster/run_key"].partition("-again-")[0]
    days = {name: day for name, day in run.tags.items() if name.startswith("dagster/asset_partition_range")}
    return dg.RunRequest(run_key=f"{first}-again-{attempt + 1}", tags={**days, ATTEMPT: str(attempt + 1)})
