"""The intake kiosk agent: one person's visit becomes one sealed capture record."""

__version__ = "0.1.0"
