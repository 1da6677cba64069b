"""Seeded data sets, built in or read from a folder; offline by default."""
