"""claims.py -- counts claims about one client, and prints each that does not hold."""
import sys
import threading
import traceback


class Claims:
    def __init__(self, client, verbose=False):
        self.client, self.verbose = client, verbose
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def check(self, claim, holds, detail=""):
        with self.lock:
            return self._check(claim, holds, detail)

    def _check(self, claim, holds, detail):
        if holds:
            self.passed += 1
            if self.verbose:
                print(f"ok      {self.client}: {claim}")
        else:
            self.failed += 1
            print(f"FAILED  {self.client}: {claim}" + (f"\n        {detail}" if detail else ""))
        sys.stdout.flush()
        return holds

    def skip(self, claim, reason):
        self.skipped += 1
        print(f"skipped {self.client}: {claim}: {reason}", flush=True)

    def attempt(self, claim, function, *args):
        """The claim is that the function returns; what it raises is the detail of the failure."""
        try:
            return function(*args)
        except Exception as error:  # whatever a client or a cluster throws at us
            trace = traceback.format_exc().strip().splitlines() if self.verbose else []
            self.check(claim, False, "\n        ".join([f"{type(error).__name__}: {error}", *trace]))
            return None

    def lines(self, text):
        """The claims of a program that prints them itself: 'ok NAME' and 'FAILED NAME: why'."""
        found = 0
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            if word in ("ok", "FAILED"):
                claim, _, detail = rest.partition(" :: ")
                self.check(claim, word == "ok", detail)
                found += 1
        return found

    def summary(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")
