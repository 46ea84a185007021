"""Fetches uPlot, which draws the report's plots, into harness/reports/html/uplot/.

    python scripts/vendor_uplot.py [--check]

Needs npm. The package's version and its checksum are fixed here; what is unpacked is what the npm package holds,
byte for byte. ``--check`` changes nothing and fails if a file differs.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[1] / "harness" / "reports" / "html" / "uplot"
PACKAGE = "uplot@1.6.32"
SHA512 = "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw=="
#: Files of the package, by the name that they have here.
FILES = {"uPlot.iife.min.js": "dist/uPlot.iife.min.js", "uPlot.min.css": "dist/uPlot.min.css", "LICENSE": "LICENSE"}


def fetched() -> dict[str, bytes]:
    """The files by name, from the registry that npm is set up for."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", PACKAGE, "--silent"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != SHA512:
            sys.exit(f"{PACKAGE}: the archive's checksum is not the one that is fixed here")
        found = {}
        with tarfile.open(archive) as tar:
            for name, inside in FILES.items():
                member = tar.extractfile(f"package/{inside}")
                assert member is not None
                found[name] = member.read()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    HERE.mkdir(exist_ok=True)
    for name, data in fetched().items():
        file = HERE / name
        if options.check and (not file.is_file() or file.read_bytes() != data):
            sys.exit(f"{file} is not that of {PACKAGE}; run scripts/vendor_uplot.py")
        if not options.check:
            file.write_bytes(data)
    print(f"{PACKAGE}: {', '.join(FILES)}")


if __name__ == "__main__":
    main()
