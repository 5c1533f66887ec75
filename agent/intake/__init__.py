"""One person's visit as a state machine over evidence, and the record it becomes."""
