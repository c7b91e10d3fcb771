"""Appeals as texts: parts, differences between variants, and later what past tests say about wording."""
