"""Tests of the engine; their toy experiments never ship."""
