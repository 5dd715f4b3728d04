"""Example applications with realistic data and a workload that is really run: for the demo and the tests."""

from advisor.demo.application import Application, find_application, list_applications
from advisor.demo.load import load_schema, run_workload

__all__ = ["Application", "find_application", "list_applications", "load_schema", "run_workload"]
