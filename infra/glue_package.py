"""Makes what a job of AWS Glue 5 needs: the wheel, the script and the job's default arguments.

    python infra/glue_package.py --out build/glue --place s3://bucket/glue

    python infra/glue_package.py --wheels    # so that the job needs no package index

The folder's files go to --place; the script is the job's ScriptLocation and ``arguments.json`` its
DefaultArguments. The wheel is installed without what serving and training need: the job uses
sqlglot and msgspec, in the versions of requirements-spark35.lock, beside what Glue has. With
--wheels these two lie beside the script as well, checked by the lock's hashes.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements-spark35.lock"
SCRIPT = ROOT / "src" / "endcap" / "entrypoints" / "glue.py"
MODULES = ("sqlglot", "msgspec")  # neither needs another
PYTHON, PLATFORMS = "3.11", ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64")  # of Glue 5


def pinned(name: str) -> str:
    """``name==version`` as the lock has it."""
    found = re.search(rf"^{name}==\S+", LOCK.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{LOCK.name} does not pin {name}")
    return found[0]


def locked(name: str) -> str:
    """What the lock has of it, with the hashes."""
    found = re.search(rf"^{name}==.*?(?=^\S|\Z)", LOCK.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"{LOCK.name} does not pin {name}")
    return found[0]


def download(out: Path) -> list[str]:
    """The wheels of MODULES for Glue's Python, by their names in ``out``."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
        pins.write("".join(map(locked, MODULES)))
        pins.flush()
        subprocess.run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
             "--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation", "cp",
             "--python-version", PYTHON, *(f"--platform={name}" for name in PLATFORMS),
             "--dest", str(out), "--requirement", pins.name],
            check=True,
        )  # fmt: skip
    return [next(out.glob(f"{name}-*.whl")).name for name in MODULES]


def arguments(wheels: Sequence[str], pins: Sequence[str], place: str) -> dict[str, str]:
    """DefaultArguments of the job. The tables remember what they were made from, so that Glue's own
    bookmarks have nothing to do."""
    modules = [*(f"{place.rstrip('/')}/{wheel}" for wheel in wheels), *pins]
    return {
        "--additional-python-modules": ",".join(modules),
        "--python-modules-installer-option": "--no-deps",
        "--job-bookmark-option": "job-bookmark-disable",
        "--enable-metrics": "true",
    }


def package(out: Path, place: str, wheels: bool = False) -> Path:
    """Write wheel, script and arguments; the wheel. ``wheels``: those of MODULES too."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet",
         "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(ROOT)],
        check=True,
    )  # fmt: skip
    (wheel,) = out.glob("endcap-*.whl")
    shutil.copy(SCRIPT, out / SCRIPT.name)
    more, pins = (download(out), []) if wheels else ([], [pinned(name) for name in MODULES])
    text = json.dumps(arguments([wheel.name, *more], pins, place), indent=2)
    (out / "arguments.json").write_text(text + "\n", encoding="utf-8")
    return wheel


def main() -> None:
    words = argparse.ArgumentParser(description="Makes what a job of AWS Glue needs.")
    words.add_argument("--out", type=Path, default=ROOT / "build" / "glue")
    words.add_argument("--place", default="s3://BUCKET/glue", help="where the files will lie")
    words.add_argument("--wheels", action="store_true", help="also of what it needs")
    given = words.parse_args()
    wheel = package(given.out, given.place, given.wheels)
    print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB, beside script and arguments.json")


if __name__ == "__main__":
    main()
