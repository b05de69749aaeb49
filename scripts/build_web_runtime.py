"""Write imgclass_course/assets/litert_web.js and litert_web.wasm.gz from a package on npm: LiteRT for browsers.

    python -m scripts.build_web_runtime             downloads the package with npm
    python -m scripts.build_web_runtime FILE.tgz    takes one that is here

Of its four builds it is the one that every browser with SIMD runs, in one thread: it needs neither relaxed SIMD nor
shared memory, which a page opened from a file cannot have.
"""

import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE, VERSION = "@litertjs/core", "2.5.3"
SCRIPT, BINARY = "package/wasm/litert_wasm_compat_internal.js", "package/wasm/litert_wasm_compat_internal.wasm"
SHA256 = {
    SCRIPT: "4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5",
    BINARY: "5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c",
}
ASSETS = Path("imgclass_course/assets")
UNFIT = ("</script", "<!--", "\r")  # what would end, or change, a script that stands inside a page


def download() -> Path:
    """Download the package with npm, and return the archive."""
    folder = tempfile.mkdtemp()
    command = ["npm", "pack", "--silent", "--pack-destination", folder, f"{PACKAGE}@{VERSION}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(Path(folder).glob("*.tgz"))


def read_members(path: Path) -> dict[str, bytes]:
    """Return the two files that are wanted. Ends the program where one is not what it was."""
    with tarfile.open(path) as archive:
        found = {name: archive.extractfile(name).read() for name in SHA256}
    for name, data in found.items():
        if (digest := hashlib.sha256(data).hexdigest()) != SHA256[name]:
            raise SystemExit(f"{name} in {path} has SHA-256 {digest}, and {SHA256[name]} is expected.")
    return found


def main() -> None:
    """Read the archive that is named, or download it, and write the assets."""
    members = read_members(Path(sys.argv[1]) if len(sys.argv) > 1 else download())
    script = members[SCRIPT].decode()
    if unfit := [text for text in UNFIT if text in script]:
        raise SystemExit(f"{SCRIPT} holds {unfit[0]!r}: it cannot stand inside a page.")
    written = {
        ASSETS / "litert_web.js": members[SCRIPT],
        ASSETS / "litert_web.wasm.gz": gzip.compress(members[BINARY], mtime=0),
    }
    for path, data in written.items():
        path.write_bytes(data)
        print(f"{path}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
