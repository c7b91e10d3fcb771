"""Who is no reader: crawlers by their user agent.

The list of crawlers is that of the package crawler-user-agents, which its keepers extend every month.
"""

from __future__ import annotations

from functools import lru_cache

import polars as pl


def is_crawler(user_agents: pl.Series) -> pl.Series:
    """True where a user agent is that of a crawler, a library or a feed reader; null where none was sent.

    A log writes `-` where the browser named itself not at all, as no browser of a reader does: that is true, too.
    """
    distinct = user_agents.drop_nulls().unique()
    known = {agent: _named_crawler(agent) for agent in distinct.to_list()}
    return user_agents.replace_strict(known, default=None, return_dtype=pl.Boolean)


@lru_cache(maxsize=200_000)
def _named_crawler(user_agent: str) -> bool:
    import crawleruseragents

    return user_agent == "-" or crawleruseragents.is_crawler(user_agent)
