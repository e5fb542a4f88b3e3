"""Run examples/tour.ipynb and store what it prints: python docs/run_notebook.py [OUTPUT.ipynb]

Without OUTPUT the notebook itself is renewed, which is to be done after every change to it. It needs
nbclient, ipykernel and matplotlib. What tells of the machine or the moment is left out of the file.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parent.parent / "examples" / "tour.ipynb"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
OWN = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR")


def executed(path: Path) -> dict[str, Any]:
    """The notebook with the outputs of a run in its own folder, in a kernel of this Python.

    Raises: nbclient's CellExecutionError where a cell fails.
    """
    try:
        import nbformat
        from nbclient import NotebookClient
    except ImportError as error:
        raise SystemExit(f"run_notebook.py: {error}; python -m pip install nbclient ipykernel") from None

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # of the kernel itself
    )
    with tempfile.TemporaryDirectory() as scratch:  # in place of what its user has set up
        os.environ |= dict.fromkeys(OWN, scratch)
        os.environ.pop("MPLBACKEND", None)  # pictures go into the notebook
        client.execute()
    notebook.metadata = METADATA
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            output.pop("metadata", None)
            if "data" in output:
                output.metadata = {}
    nbformat.validate(notebook)
    return json.loads(nbformat.writes(notebook))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK
    text = json.dumps(executed(NOTEBOOK), indent=1, ensure_ascii=False)
    target.write_text(text + "\n", encoding="utf-8", newline="\n")
