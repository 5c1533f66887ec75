"""Judgement on bytes and frames; no hardware. One package per sense, each giving typed evidence."""
