"""What Askwell knows about appeals: contract, store, statistics, decisions, wording.

Nothing here knows Dagster or Plotly. Everything here can be called from a notebook.
"""
