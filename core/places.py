"""Where things are kept on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """Results and logs: LAYERLAB_HOME, else the platform's user data directory."""
    chosen = os.environ.get("LAYERLAB_HOME")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("layerlab", appauthor=False))


def datasets() -> Path:
    """Data sets, read and downloaded: LAYERLAB_DATASETS, else a folder of the home."""
    chosen = os.environ.get("LAYERLAB_DATASETS")
    return Path(chosen).expanduser() if chosen else home() / "datasets"
