"""Frozen dataclasses: what flows from collection to the report. Imports nothing of ours but units and errors."""
