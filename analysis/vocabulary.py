"""The words that event files may use in columns of choice; the contract and metric declarations draw on them."""

from __future__ import annotations

#: Steps of the funnel in the order in which a reader takes them; each is a binary count of readers.
FUNNEL_STEPS = ("eligible", "inserted", "viewed", "expanded", "clicked", "checkout_started", "contributed")

#: Events of an appeal that are recorded beside the funnel.
SIDE_EVENTS = ("dismissed", "blocked", "registered")

#: Every event an appeal can send (`contributed` comes from the contributions, not from the appeal).
APPEAL_EVENTS = (*FUNNEL_STEPS[:-1], *SIDE_EVENTS)

#: What a report of a payment says of it. `cancelled` is no payment: the reader ended the pledge that this one began.
STATUSES = ("settled", "pending", "failed", "cancelled")
RECURRENCES = ("once", "monthly", "annual")
PRODUCTS = ("gift", "membership", "subscription")
DEVICES = ("mobile", "desktop", "tablet", "app", "other")
READER_TYPES = ("new", "returning", "subscriber")
