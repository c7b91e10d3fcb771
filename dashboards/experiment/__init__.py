"""The page of one experiment."""
