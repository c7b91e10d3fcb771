"""From sufficient statistics to statements: intervals, e-values, posteriors, decisions' inputs.

Nothing here reads a file, knows a table's name in the warehouse, or draws.
"""
