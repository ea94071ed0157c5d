"""A real JupyterLab on loopback and a real Chromium, for tests that look at what a learner sees."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from course_lib.work.__main__ import main as renew_work

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
SCREENSHOTS = ROOT / "build" / "screenshots"
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine: apt-get install chromium"))


@dataclass
class Lab:
    """A running JupyterLab: its address, and the folder that it serves."""

    url: str
    folder: Path

    def open(self, page: Any, notebook: str) -> None:
        """Open a notebook in a page and wait until its kernel is ready."""
        page.goto(f"{self.url}/doc/tree/{notebook}?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        page.wait_for_function(
            """() => {
                const panel = window.jupyterapp?.shell.currentWidget;
                return panel?.sessionContext?.session?.kernel?.status === 'idle';
            }""",
            timeout=90_000,
        )

    def run_all(self, page: Any, seconds: float = 240) -> None:
        """Run every cell, and wait until the last one is done and the kernel rests."""
        page.set_default_timeout(seconds * 1000)
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'",
            timeout=seconds * 1000,
        )
        page.wait_for_timeout(700)

    def set_cell(self, page: Any, beginning: str, source: str) -> None:
        """Replace the text of the cell that begins so, as a learner would by typing."""
        found = page.evaluate(
            """([beginning, source]) => {
                const cells = window.jupyterapp.shell.currentWidget.content.widgets;
                const cell = cells.find(c => c.model.sharedModel.getSource().startsWith(beginning));
                if (cell) cell.model.sharedModel.setSource(source);
                return Boolean(cell);
            }""",
            [beginning, source],
        )
        assert found, f"there is no cell that begins with {beginning!r}"

    def run_cell(self, page: Any, beginning: str) -> None:
        """Run the cell that begins so, and wait until it is done."""
        page.evaluate(
            """async (beginning) => {
                const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
                const index = notebook.widgets.findIndex(c => c.model.sharedModel.getSource().startsWith(beginning));
                notebook.activeCellIndex = index;
                notebook.deselectAll();
                await app.commands.execute('notebook:run-cell');
            }""",
            beginning,
        )
        page.wait_for_timeout(400)

    def output_of(self, page: Any, beginning: str) -> Any:
        """Return the output area of the cell that begins so."""
        index = page.evaluate(
            """(beginning) => window.jupyterapp.shell.currentWidget.content.widgets
                .findIndex(c => c.model.sharedModel.getSource().startsWith(beginning))""",
            beginning,
        )
        assert index >= 0, f"there is no cell that begins with {beginning!r}"
        return page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")

    def errors(self, page: Any) -> list[str]:
        """Return what cells put out as errors."""
        return page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells
                .flatMap(cell => (cell.outputs ?? []).filter(o => o.output_type === 'error')
                .map(o => `${cell.source} -> ${o.ename}: ${o.evalue}`))"""
        )


@contextmanager
def serving(module: str, folder: Path, home: Path, environment: dict[str, str], *options: str) -> Iterator[str]:
    """Run a Jupyter server on a folder for as long as the context lasts; its address.

    module       jupyterlab or jupyter_server
    home         folder of its configuration and its log
    environment  what it gets besides what this process has
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython"}
    environment = os.environ | {name: str(home / place) for name, place in own.items()} | environment
    environment.pop("NBGRADER_EXECUTION", None)
    command = [
        sys.executable, "-m", module, "--no-browser", "--allow-root", f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}", *options,
    ]  # fmt: skip
    log = home / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/api/status", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, log.read_text()
                time.sleep(0.5)
        else:
            pytest.fail(f"{module} did not start:\n{log.read_text()}")
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a learner's own copy of the notebooks, `work/`, as `make lab` opens it."""
    home = tmp_path_factory.mktemp("lab")
    course = home / "le cours d'été"
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    assert renew_work(["--course", str(course)]) == 0
    folder = course / "work"
    settings = home / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    # every cell in the page, so that a test can see it without scrolling
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
    quiet = home / "settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir()
    silence = {"fetchNews": "false", "checkForUpdates": False}
    (quiet / "notification.jupyterlab-settings").write_text(json.dumps(silence))
    environment = {"COURSE_HOME": str(home / "course"), "COURSE_BUDGET": "short"}
    options = [
        "--ServerApp.disable_check_xsrf=True", "--LabApp.expose_app_in_browser=True", "--LabApp.collaborative=False",
        f"--LabApp.user_settings_dir={home / 'settings'}",
    ]  # fmt: skip
    with serving("jupyterlab", folder, home, environment, *options) as url:
        yield Lab(url, folder)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def screenshot(target: Any, name: str) -> Path:
    """Keep a picture of a page or an element under build/screenshots, for a person to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    target.screenshot(path=path)
    return path
