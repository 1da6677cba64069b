"""Experiments, one a file; found by core.catalog, never registered, never importing each other."""
