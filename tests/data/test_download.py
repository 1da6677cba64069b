from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.contract import Explained
from core.data.download import download

CONTENT = bytes(range(256)) * 2000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
NOBODY = "http://127.0.0.1:9/file.gz"  # the discard port: nothing listens


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def end_headers(self) -> None:
        if self.path.endswith("cut.gz"):
            self.send_header("Connection", "close")
        super().end_headers()

    def do_GET(self) -> None:
        if not self.path.endswith("cut.gz"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", str(2 * len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)
        return None


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """An address whose file.gz is CONTENT; bad.gz is something else, and cut.gz ends too early."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "file.gz").write_bytes(CONTENT)
    (folder / "bad.gz").write_bytes(b"something else")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_file_is_fetched_once_and_told_on_the_way(site: str, tmp_path: Path):
    target = tmp_path / "data" / "file.gz"
    told = list(download([site + "file.gz"], target, MD5))
    assert target.read_bytes() == CONTENT
    assert told[0].startswith("Downloading file.gz: ") and told[0].endswith("of 512 KB.")
    assert list(download([NOBODY], target, MD5)) == []  # it is there


def test_the_next_address_is_tried(site: str, tmp_path: Path):
    target = tmp_path / "file.gz"
    list(download([NOBODY, site + "missing.gz", site + "bad.gz", site + "cut.gz", site + "file.gz"], target, MD5))
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "reason"),
    [("bad.gz", "its checksum is "), ("missing.gz", "File not found"), ("cut.gz", "IncompleteRead")],
)
def test_what_went_wrong_is_said_and_nothing_is_left(site: str, tmp_path: Path, name: str, reason: str):
    target = tmp_path / "data" / "file.gz"
    with pytest.raises(Explained, match=r"^file\.gz could not be downloaded .*Connect this machine") as caught:
        list(download([site + name], target, MD5))
    assert reason in str(caught.value)
    assert not target.exists() and not list(target.parent.glob("*.part")) and not list(target.parent.glob(".*.part"))


def test_offline_is_said_with_the_remedy(tmp_path: Path):
    with pytest.raises(Explained, match=r"127\.0\.0\.1:9: .*refused.*choose a data set that is built in"):
        list(download([NOBODY], tmp_path / "file.gz", MD5))


def test_a_folder_that_cannot_be_written_is_said(site: str, tmp_path: Path):
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(Explained, match=r"cannot be written to .*LAYERLAB_DATASETS"):
        list(download([site + "file.gz"], tmp_path / "data" / "file.gz", MD5))


def test_two_at_once_fetch_it_once(site: str, tmp_path: Path):
    target = tmp_path / "file.gz"
    first = download([site + "file.gz"], target, MD5)
    next(first)  # holds the lock from here on
    second = download([NOBODY], target, MD5)
    assert next(second) == "file.gz: another training downloads it; waiting."
    list(first)
    assert list(second) == [] and target.read_bytes() == CONTENT


def test_one_that_is_stopped_leaves_nothing_and_no_lock(site: str, tmp_path: Path):
    target = tmp_path / "file.gz"
    stopped = download([site + "file.gz"], target, MD5)
    next(stopped)
    stopped.close()
    assert not target.exists() and not list(tmp_path.glob(".*.part"))
    list(download([site + "file.gz"], target, MD5))
    assert target.exists()
