"""Speed and memory of the pipeline at size, as ratios to what the machine needs to read the data at all.

`python -m bench` is the way in; docs/performance.md says what was found. `workspace` makes the publisher and keeps its
states, `stages` holds what is measured, `naive` the SQL that one would write without Askwell.
"""
