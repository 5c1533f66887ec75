"""Figures: whole-intake machine time by stage, and ratios against floors measured in the same run."""
