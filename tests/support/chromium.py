"""Headless Chromium, driven through a pipe by its DevTools protocol; nothing but the standard library is needed."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time

CHROMIUM = shutil.which("chromium")


class Chromium:
    """A browser with one page.

    `requests` and `messages` are those since the last `open`: addresses other than `data:`, and what the console or the
    browser itself said.
    """

    def __enter__(self):
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        options = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --remote-debugging-pipe --no-first-run"
        quiet = "--disable-background-networking --disable-component-update --disable-sync --disable-extensions"
        line = f"exec {CHROMIUM} {options} {quiet} --user-data-dir={self._profile.name} about:blank"
        # The protocol is on 3 and 4. A shell puts the pipe there: a function between fork and exec would be run beside
        # the threads of JAX.
        self._process = subprocess.Popen(
            ["bash", "-c", f"{line} 3<&{to_browser} 4>&{from_browser}"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._count, self._rest, self._events, self._session = 0, b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "Accessibility"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        os.close(self._write)
        self._process.terminate()
        self._process.wait(timeout=20)
        os.close(self._read)
        self._profile.cleanup()

    def call(self, method, **parameters):
        """A command of the protocol, and its result."""
        self._count += 1
        number = self._count
        session = {"sessionId": self._session} if self._session else {}
        os.write(
            self._write, json.dumps({"id": number, "method": method, "params": parameters, **session}).encode() + b"\0"
        )
        return self._wait(lambda message: message.get("id") == number)["result"]

    def open(self, path, width, scheme, height=900):
        """Shows a file in a window of this width, with the system's colours "light" or "dark"."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._events.clear()
        self.call("Page.navigate", url=f"file://{path}")
        self._wait(lambda message: message.get("method") == "Page.loadEventFired")

    @property
    def requests(self):
        sent = [event["params"]["request"]["url"] for event in self._of("Network.requestWillBeSent")]
        return [url for url in sent if not url.startswith("data:")]

    @property
    def messages(self):
        return self._of("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")

    def evaluate(self, expression):
        """The value of a line of JavaScript."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def _of(self, *methods):
        return [event for event in self._events if event.get("method") in methods]

    def _wait(self, wanted, seconds=60.0):
        """The next message that is wanted; others are events."""
        until = time.monotonic() + seconds
        for message in self._events:
            if wanted(message):
                return message
        while True:
            while b"\0" in self._rest:
                text, self._rest = self._rest.split(b"\0", 1)
                message = json.loads(text)
                assert "error" not in message, message
                self._events.append(message)
                if wanted(message):
                    return message
            ready, _, _ = select.select([self._read], [], [], max(until - time.monotonic(), 0.0))
            assert ready, "the browser does not answer"
            part = os.read(self._read, 1 << 20)
            assert part, "the browser is gone"
            self._rest += part
