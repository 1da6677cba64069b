"""Tests of ui/; their toy experiment never ships."""
