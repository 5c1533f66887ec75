"""Version 1 of the wire formats, frozen."""
