"""The only code that touches hardware: bytes and frames in, no judgement."""
