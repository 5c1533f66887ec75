"""Version 0 of the wire formats."""
