"""Dagster's view of the pipeline: thin assets over `analysis` and `dashboards`; no formula, no SQL text, no figure."""
