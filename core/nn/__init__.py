"""Layers and models, one family a file; no training, no data."""
