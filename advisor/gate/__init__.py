"""The gate: judges migrations by rule, and (through the twin) by running them and re-planning the workload."""
