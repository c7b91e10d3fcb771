"""When the pipeline runs by itself."""

from datetime import timedelta

import dagster as dg

from analysis.settings import Publisher


def daily_report(job_name: str, publisher: Publisher) -> dg.ScheduleDefinition:
    """Publish at 06:00 in the publisher's zone; the run names yesterday's partition and finds late days by itself."""

    @dg.schedule(
        job_name=job_name,
        name="daily_report",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        cron_schedule="0 6 * * *",
        execution_timezone=publisher.time_zone,
        description="Everything that arrived since the last run, then the database and the report site.",
    )
    def daily_report_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        yesterday = context.scheduled_execution_time.date() - timedelta(days=1)
        if yesterday < publisher.first_day:
            return dg.SkipReason(f"The publisher's first day is {publisher.first_day}.")
        return dg.RunRequest(run_key=yesterday.isoformat(), partition_key=yesterday.isoformat())

    return daily_report_schedule


def weekly_retention(job_name: str, publisher: Publisher) -> dg.ScheduleDefinition:
    """Take out on Sundays at 04:30 in the publisher's zone what `[retention]` no longer keeps; nothing where it says nothing."""
    return dg.ScheduleDefinition(
        name="weekly_retention",
        job_name=job_name,
        cron_schedule="30 4 * * 0",
        execution_timezone=publisher.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Rows that [retention] no longer keeps leave the warehouse.",
    )
