"""From results to pages: phrasing, figures, report data, HTML. Knows `analysis`, never Dagster."""
