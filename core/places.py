"""Where things are kept on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

import platformdirs

LIMIT, USUAL_LIMIT = "LAYERLAB_STORAGE_LIMIT", "10GB"
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([KMGT]?B)", re.IGNORECASE | re.ASCII)
_UNITS = ("B", "KB", "MB", "GB", "TB")


def home() -> Path:
    """Results and logs: LAYERLAB_HOME, else the platform's user data directory."""
    chosen = os.environ.get("LAYERLAB_HOME")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("layerlab", appauthor=False))


def datasets() -> Path:
    """Data sets, read and downloaded: LAYERLAB_DATASETS, else a folder of the home."""
    chosen = os.environ.get("LAYERLAB_DATASETS")
    return Path(chosen).expanduser() if chosen else home() / "datasets"


def admin_token() -> str:
    """What whoever may delete other people's runs must know: LAYERLAB_ADMIN_TOKEN; empty: nobody may."""
    return os.environ.get("LAYERLAB_ADMIN_TOKEN", "").strip()


def storage_limit() -> tuple[int, str]:
    """Bytes that results may take (LAYERLAB_STORAGE_LIMIT, else 10 GB), and what is wrong with the setting."""
    said = os.environ.get(LIMIT, "").strip()
    limit = parse_size(said or USUAL_LIMIT)
    if limit:
        return limit, ""
    problem = f"{LIMIT} must be a size above 0 such as 5GB or 500MB; got {said[:40]!r}. {USUAL_LIMIT} is used instead."
    return parse_size(USUAL_LIMIT), problem


def parse_size(text: str) -> int:
    """Bytes of a size such as "500MB" (decimal units, B to TB); 0 for one that cannot be read."""
    found = _SIZE.fullmatch(text)
    return round(float(found[1]) * 1000 ** _UNITS.index(found[2].upper())) if found else 0


def size_text(size: int) -> str:
    """Bytes as a person reads them: "1.2 GB"."""
    power = 0
    while power < len(_UNITS) - 1 and size >= 1000 ** (power + 1):
        power += 1
    return f"{size / 1000**power:.1f}".removesuffix(".0") + f" {_UNITS[power]}"
