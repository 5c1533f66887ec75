"""`make demo`: the whole kiosk on mock devices, from the card to the collector's receipt."""
