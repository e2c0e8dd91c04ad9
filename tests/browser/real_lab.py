"""JupyterLab on loopback and a headless Chromium that looks at it, for tests.

Both are private: settings, workspaces and notebooks lie in a temporary folder, the port is free,
the token is random. Only processes started here are ended.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
PLACES = (  # where the browsers live that put nothing on the PATH
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
FLAGS = [
    "--no-sandbox",  # needed by root, as in CI; the only pages shown are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
]
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # all cells in the page
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
START = 120  # seconds that a loaded machine may need to start the server or show a page

# Waiting for the session, not for the "Idle" light: before that, running cells opens a dialog.
RUN_ALL = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.context.sessionContext.ready;
    await app.commands.execute('notebook:run-all-cells');
}"""
OPENED = """() => { const w = window.jupyterapp?.shell?.currentWidget;
    return !!(w && w.context && w.content?.model?.cells?.length); }"""


def find_browser() -> str | None:
    """A Chromium of the reader's own, or the one that CHROMIUM names; nothing is downloaded."""
    named = os.environ.get("CHROMIUM")
    found = [named] if named else [shutil.which(name) for name in BROWSERS]
    return next(filter(None, found), None) or next(filter(os.path.exists, PLACES), None)


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """A server over the notebooks in `folder`; gives its address, with the token left out."""
    private = folder / ".private"
    for name, settings in SETTINGS.items():
        path = private / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")
    token = secrets.token_hex(16)
    places = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
    }
    variables = {name: str(private / place) for name, place in places.items()}
    variables |= {"JUPYTER_TOKEN": token, "JUPYTER_PREFER_ENV_PATH": "1"}
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
    command += [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
    ]
    command += [f"--ServerApp.root_dir={folder}", "--ServerApp.allow_root=True"]
    log = private / "server.log"
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(server, f"{address}/api/status?token={token}", log)
            yield f"{address}/lab/tree/{{}}?reset&token={token}"
        finally:
            end(server)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for(server: subprocess.Popen, address: str, log: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')}")


def end(server: subprocess.Popen) -> None:
    """End the server and its kernels."""
    family = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
    server.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=15)
    for process in psutil.wait_procs(family, timeout=5)[1]:
        process.kill()
    if server.poll() is None:
        server.kill()
        server.wait()


@dataclass
class Seen:
    """What a page did beside what it showed."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)  # requests that left this machine


@contextlib.contextmanager
def browser_page(browser: str) -> Iterator[tuple[Page, Seen]]:
    """An empty page in a fresh headless browser."""
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        try:
            page = window.new_page(viewport={"width": 1280, "height": 1400})
            page.set_default_timeout(30_000)
            seen = Seen()
            page.on("pageerror", lambda error: seen.errors.append(str(error)))
            page.on("request", lambda request: note_outside(seen, request.url))
            yield page, seen
        finally:
            window.close()


def note_outside(seen: Seen, url: str) -> None:
    if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")):
        seen.outside.append(url)


def open_notebook(page: Page, address: str, name: str) -> None:
    """Show a notebook and wait until its cells are there."""
    page.goto(address.format(name))
    page.wait_for_function(OPENED, timeout=START * 1000)


def run_all_cells(page: Page) -> None:
    """Run every cell and wait for the last one to end."""
    page.evaluate(RUN_ALL)
