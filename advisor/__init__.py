"""pgadvise: a PostgreSQL tuning and index advisor built on a planner twin."""

__version__ = "0.1.0"
