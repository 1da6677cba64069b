"""Experiments that train nothing, or nothing of use, so that the engine can be watched at its work."""
