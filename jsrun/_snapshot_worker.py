"""The child process of `SnapshotBuilder`: makes one snapshot and writes it to standard output."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# A line of standard error that starts so says, as JSON, why there is no snapshot.
REFUSED = "jsrun refused: "


def main(request: dict[str, Any]) -> int:
    """Make the snapshot that ``request`` describes; the status is the process's."""
    from ._snapshot import record
    from .errors import JavaScriptError, JsrunError

    # Whatever else prints must not be taken for the snapshot.
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        snapshot = record([tuple(step) for step in request["steps"]], request["timeout"])
    except (JavaScriptError, JsrunError) as error:
        print(REFUSED + json.dumps(str(error)), file=sys.stderr)
        return 1
    with os.fdopen(out, "wb") as stream:
        stream.write(snapshot)
    return 0


if __name__ == "__main__":
    from jsrun._snapshot_worker import main as run

    sys.exit(run(sys._jsrun_request))  # type: ignore[attr-defined]
