"""Rendered presentations against the liveness challenge: error rates per species, with counts and intervals."""
