"""What the pipeline looks out for."""

import hashlib
import json
from datetime import timedelta

import dagster as dg

from analysis.errors import AskwellError
from analysis.landing import content_hash
from analysis.settings import Publisher
from analysis.sources.mapping import files_to_read, source_mappings
from assets.partitions import days_of, range_tags
from assets.resources import Workspace

#: Files looked at in one tick; the rest waits for the next, so that a tick stays within Dagster's minute.
FILES_PER_TICK = 500


def landing_sensor(job_name: str, publisher: Publisher) -> dg.SensorDefinition:
    """Start one ingest run for the files whose content was not seen before.

    The cursor maps a path to size, time of change and content hash: size and time only save reading a file again, the
    content decides.
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
            return dg.SensorResult(skip_reason=dg.SkipReason("Nothing new has landed."), cursor=json.dumps(cursor))
        yesterday = workspace.clock().astimezone(settings.zone).date() - timedelta(days=1)
        first, last = days_of(list(fresh), yesterday, publisher)
        key = hashlib.sha256(json.dumps(sorted(fresh.items())).encode()).hexdigest()[:32]
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=key, tags=range_tags(first, last))], cursor=json.dumps(cursor)
        )

    return landing
