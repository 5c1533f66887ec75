"""The 1:1 match: is the live face the face in the chip. Runs in a process of its own, and only where its model is."""
