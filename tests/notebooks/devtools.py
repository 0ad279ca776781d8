"""A headless Chromium driven through its DevTools protocol, and a JupyterLab of one's own to open in it."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


def free_port() -> socket.socket:
    """A socket that holds a free port until it is closed.

    It does not listen: a server that sets SO_REUSEADDR may, and nobody is given the port by chance meanwhile.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def find_chromium() -> str | None:
    """The path of a Chromium on this machine, or None."""
    named = os.environ.get("SSLCOURSE_CHROMIUM")
    return named or next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


PATIENCE = 180.0  # seconds: a machine that is busy with other tests may take long, and nobody waits where it does not


def wait_for(what: str, condition: Callable[[], Any], seconds: float = PATIENCE, pause: float = 0.2) -> Any:
    """Ask until `condition()` is true and return what it gave; TimeoutError names `what` was waited for."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}; last seen: {found!r}")
        time.sleep(pause)


class Page:
    """One tab of a Chromium of our own, with an empty profile in `profile`."""

    def __init__(self, profile: Path, width: int = 1280, height: int = 1000):
        import websocket

        program = find_chromium()
        if program is None:
            raise FileNotFoundError("no chromium; install Debian's package, or name one in SSLCOURSE_CHROMIUM")
        profile.mkdir(parents=True, exist_ok=True)
        port_file = profile / "DevToolsActivePort"
        port_file.unlink(missing_ok=True)  # of an earlier browser
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._count, self.width, self.height = 0, width, height
        try:
            text = wait_for("chromium's debugging port", lambda: port_file.exists() and port_file.read_text().split())
            tab = wait_for("chromium's first page", lambda: self._first_page(text[0]))
            # Longer than any cell that is waited for.
            self._socket = websocket.create_connection(tab["webSocketDebuggerUrl"], timeout=300)
        except BaseException:
            self._process.kill()
            raise
        self.call("Page.enable")
        self.call("Runtime.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)  # a headless window never has the focus itself

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @staticmethod
    def _first_page(port: str) -> dict | None:
        # The port may answer before there is a page.
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=20) as answer:
                return next((one for one in json.load(answer) if one["type"] == "page"), None)
        except OSError:
            return None

    def call(self, method: str, **parameters: Any) -> dict:
        """One command of the protocol; its result, or RuntimeError with the browser's own words."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._count:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error'].get('message')}")
                return message["result"]

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression (promises are awaited)."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def until(self, what: str, script: str, seconds: float = PATIENCE) -> Any:
        """Wait until a JavaScript expression is true."""
        return wait_for(what, lambda: self.evaluate(script), seconds)

    def settled(self, what: str, script: str, looks: int = 5) -> Any:
        """Wait until a JavaScript expression gives the same, something true, so many times in turn; return it."""
        seen: list[Any] = []

        def is_the_same() -> bool:
            seen.append(self.evaluate(script))
            return len(seen) >= looks and bool(seen[-1]) and all(one == seen[-1] for one in seen[-looks:])

        wait_for(f"{what} to settle", is_the_same)
        return seen[-1]

    def accessible_names(self, role: str) -> list[str]:
        """What a screen reader calls the elements of a role, in the page's order."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [one["name"]["value"] for one in nodes if one.get("role", {}).get("value") == role]

    def open(self, address: str) -> None:
        """Go to an address and wait until it has loaded."""
        self.evaluate("window.sslcourseLeft = true")  # the page that is left may still be there, and complete
        self.call("Page.navigate", url=address)

        def has_loaded() -> bool:
            try:
                return self.evaluate("!window.sslcourseLeft && document.readyState === 'complete'")
            except RuntimeError:  # asked of the page that was being left
                return False

        wait_for(f"{address} to load", has_loaded)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 8) -> None:
        """Press the mouse at `start`, move to `end`, let go."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=start[0], y=start[1])
        button = {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1], **button)
        for step in range(1, steps + 1):
            x, y = (first + (last - first) * step / steps for first, last in zip(start, end, strict=True))
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], **button)

    def press(self, key: str) -> None:
        """Press ArrowLeft or Space, and let go, on what has the focus."""
        own = {"ArrowLeft": ("ArrowLeft", 37, {}), "Space": (" ", 32, {"text": " "})}
        name, number, text = own[key]
        sent = {"key": name, "code": key, "windowsVirtualKeyCode": number}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **sent, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **sent)

    def resize(self, width: int, height: int) -> None:
        """Give the page another size, however tall."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.width, self.height = width, height

    def screenshot(self, file: Path, clip: dict | None = None) -> bytes:
        """Save a PNG of what is seen (or of `clip`: x, y, width, height) and return its bytes."""
        options = {"clip": {**clip, "scale": 1}} if clip else {}
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png", **options)["data"])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return data


class JupyterLab:
    """A JupyterLab on a free port over `folder`, with settings of its own in `home` (nothing of the user's is read)."""

    def __init__(self, folder: Path, home: Path, environment: dict[str, str] | None = None):
        self._port = free_port()
        port = self._port.getsockname()[1]
        self.token = secrets.token_hex(16)
        self.address = f"http://127.0.0.1:{port}"
        _write_json(
            home / "config/labconfig/page_config.json",
            {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}},
        )
        # Without windowing every cell is in the page, so that any can be looked at and photographed.
        _write_json(
            home / "settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings", {"windowingMode": "none"}
        )
        own = {
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        }
        self.log = home / "jupyterlab.log"
        options = [
            "--no-browser",
            "--allow-root",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.root_dir={folder}",
            f"--IdentityProvider.token={self.token}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                env={**os.environ, **own, **(environment or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        try:
            wait_for("JupyterLab to answer", self._answers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()  # it ends its kernels
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._port.close()

    def page_of(self, notebook: str) -> str:
        """The address under which a notebook is opened, and nothing that was open before it."""
        return f"{self.address}/lab/workspaces/{Path(notebook).stem}/tree/{notebook}?token={self.token}"

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with {self._process.returncode}:\n{self.log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{self.address}/api?token={self.token}", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


class OpenNotebook:
    """A notebook in JupyterLab, in a `page`: its cells by id, run one at a time."""

    PANEL = "window.sslcourseNotebook"  # where the page keeps the notebook's panel for us

    def __init__(self, page: Page, server: JupyterLab, name: str, seconds: float = PATIENCE):
        self.page = page
        page.open(server.page_of(name))
        found = f"[...window.jupyterapp.shell.widgets('main')].find(one => one.context?.path === {json.dumps(name)})"
        page.until("JupyterLab to start", "Boolean(window.jupyterapp?.shell)", seconds)
        page.until("the notebook to open", f"Boolean({self.PANEL} = {found})", seconds)
        page.until("its cells", f"{self.PANEL}.content.widgets.length > 1", seconds)
        page.until("a kernel", f"{self.PANEL}.sessionContext.session?.kernel?.status === 'idle'", seconds)
        page.evaluate(f"window.jupyterapp.shell.activateById({self.PANEL}.id)")
        self.ids: list[str] = page.evaluate(f"{self.PANEL}.content.widgets.map(cell => cell.model.id)")

    def cell(self, cell_id: str) -> str:
        """JavaScript for a cell's widget."""
        return f"{self.PANEL}.content.widgets[{self.ids.index(cell_id)}]"

    def run(self, cell_id: str, seconds: float = 120.0) -> None:
        """Run one cell and wait until it has; RuntimeError with the traceback when it raised."""
        # A notebook that was executed elsewhere keeps its counts, and this kernel may come to the same one: so the
        # count is cleared, and waited for.
        count = f"{self.cell(cell_id)}.model.sharedModel.execution_count"
        self.page.evaluate(
            f"{count} = null; {self.PANEL}.content.activeCellIndex = {self.ids.index(cell_id)};"
            "window.jupyterapp.commands.execute('notebook:run-cell').then(() => true)"
        )
        self.page.until(f"cell {cell_id} to run", f"{count} !== null", seconds)
        self.page.until(
            f"the kernel after {cell_id}", f"{self.PANEL}.sessionContext.session.kernel.status === 'idle'", seconds
        )
        outputs = self.page.evaluate(f"{self.cell(cell_id)}.model.outputs.toJSON()")
        errors = [one for one in outputs if one["output_type"] == "error"]
        if errors:
            raise RuntimeError(f"cell {cell_id}: {errors[0]['ename']}: {errors[0]['evalue']}")

    def show(self, cell_id: str) -> None:
        """Scroll a cell to the top."""
        self.page.evaluate(f"{self.cell(cell_id)}.node.scrollIntoView({{block: 'start'}})")

    def collapse_sidebar(self) -> None:
        """Put the file browser away, which otherwise takes most of a narrow page."""
        self.page.evaluate("window.jupyterapp.shell.collapseLeft()")

    def full_length(self, file: Path, width: int = 1150, tallest: int = 16000) -> list[Path]:
        """Photograph the whole notebook, in several pictures where it is too tall for one."""
        page = self.page
        page.resize(width, 1200)
        inner = f"{self.PANEL}.node.querySelector('.jp-WindowedPanel-outer')"
        time.sleep(1)
        total = int(page.evaluate(f"{inner}.scrollHeight")) + 200
        files = []
        page.resize(width, min(total, tallest))
        time.sleep(2)
        for number in range(-(-total // tallest)):
            page.evaluate(f"{inner}.scrollTop = {number * (tallest - 200)}")
            time.sleep(1)
            target = file if total <= tallest else file.with_stem(f"{file.stem}-{number + 1}")
            page.screenshot(target)
            files.append(target)
        return files


def _write_json(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
