"""Start the app and say where it is: `python -m ui.serve [--port N] [--network]`, for `make run` and `make serve`."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

APP = Path(__file__).resolve().parent.parent / "app.py"
PUBLIC_URL = "LAYERLAB_PUBLIC_URL"  # read by the home page, which shows it as a QR code
THIS_MACHINE, EVERY_ADDRESS = "127.0.0.1", "0.0.0.0"
PORTS_TRIED = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C; 0 then, 2 where no port is free."""
    options = _parser().parse_args(arguments)
    host = EVERY_ADDRESS if options.network else THIS_MACHINE
    port = free_port(host, options.port)
    if port is None:
        last = min(options.port + PORTS_TRIED - 1, 65535)
        print(f"Ports {options.port} to {last} are all taken. Name a free one: make run PORT=9000", file=sys.stderr)
        return 2
    if port != options.port:
        print(f"Port {options.port} is taken; using {port} instead.")
    url = f"http://{THIS_MACHINE}:{port}"
    public = (os.environ.get(PUBLIC_URL) or network_url(port)) if options.network else None
    if public:
        os.environ[PUBLIC_URL] = public
    print("Starting LayerLab ...", flush=True)
    threading.Thread(target=_announce, args=(url, public, options.network), daemon=True).start()
    return run_streamlit(host, port)


def free_port(host: str, wanted: int) -> int | None:
    """The first port from `wanted` on that nobody listens on; None if the next twenty are taken."""
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will: a port just left is free
            try:
                probe.bind((host, port))
                probe.listen(1)  # a bind alone may succeed beside a listener on another address
            except OSError:
                continue
            return port
    return None


def network_url(port: int) -> str | None:
    """Where others on the local network find this machine; None without a network."""
    address = lan_address()
    return f"http://{address}:{port}" if address else None


def lan_address() -> str | None:
    """This machine's address on the local network; None if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documentation; a datagram socket sends nothing to connect
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if address.startswith(("127.", "0.")) else address


def invitation(url: str, public: str | None, network: bool) -> str:
    """What the terminal says once the app answers, a QR code of the public address included."""
    lines = ["", f"  LayerLab is ready: {url}"]
    if public:
        lines += [f"  For the class:     {public}", "", qr_code(public)]
    elif network:
        lines += ["  No local network was found, so only this machine can open it.", ""]
    return "\n".join([*lines, "  Ctrl-C ends it.", ""])


def qr_code(text: str) -> str:
    """A QR code in half-block characters, two modules a line, with its quiet zone; dark on light in any terminal."""
    import segno

    rows = [list(row) for row in segno.make(text, micro=False).matrix_iter(border=2)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}  # light modules are drawn, in white
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "".join(
        "  \x1b[97;40m" + "".join(blocks[bool(a), bool(b)] for a, b in zip(top, below, strict=True)) + "\x1b[0m\n"
        for top, below in pairs
    )


def run_streamlit(host: str, port: int) -> int:
    """Run `streamlit run app.py` in this very process, so that ending it ends all; 0 after Ctrl-C."""
    import click
    from streamlit.web import cli

    flags = {
        "server.address": host,
        "server.port": port,
        "server.headless": "true",  # no question about an e-mail address, no browser opened on a server
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "logger.hideWelcomeMessage": "true",
    }
    command = ["run", str(APP), *(f"--{name}={value}" for name, value in flags.items())]
    with contextlib.suppress(KeyboardInterrupt, click.Abort):  # Ctrl-C, after the server has shut down in good order
        cli.main(command, prog_name="streamlit", standalone_mode=False)
    print("\nLayerLab has stopped.")
    return 0


def _announce(url: str, public: str | None, network: bool) -> None:
    """Wait until the app answers, then print where it is."""
    while not _answers(f"{url}/_stcore/health"):
        time.sleep(0.1)
    text = invitation(url, public, network)
    try:
        print(text, flush=True)
    except UnicodeEncodeError:  # a terminal without block characters: the address alone serves
        print(text.encode("ascii", "ignore").decode(), flush=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return int(reply.status) == 200
    except (urllib.error.URLError, OSError):
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ui.serve", description=__doc__)
    parser.add_argument("--port", type=_port, default=8501, help="first port to try (default 8501)")
    parser.add_argument("--network", action="store_true", help="serve the local network, not only this machine")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port must be a whole number from 1 to 65535; got {text!r}.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
