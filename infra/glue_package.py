"""Makes what a job of AWS Glue 5 needs: the wheel, the script and the job's default arguments.

    python infra/glue_package.py --out build/glue --place s3://bucket/glue

The folder's files go to --place; the script is the job's ScriptLocation and ``arguments.json`` its
DefaultArguments. The wheel is installed without what serving and training need: the job uses
sqlglot and msgspec, in the versions of requirements-spark35.lock, beside what Glue has.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements-spark35.lock"
SCRIPT = ROOT / "src" / "endcap" / "entrypoints" / "glue.py"
MODULES = ("sqlglot", "msgspec")  # neither needs another


def pinned(name: str) -> str:
    """``name==version`` as the lock has it."""
    found = re.search(rf"^{name}==\S+", LOCK.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{LOCK.name} does not pin {name}")
    return found[0]


def arguments(wheel: str, place: str) -> dict[str, str]:
    """DefaultArguments of the job. The tables remember what they were made from, so that Glue's own
    bookmarks have nothing to do."""
    modules = [f"{place.rstrip('/')}/{wheel}", *map(pinned, MODULES)]
    return {
        "--additional-python-modules": ",".join(modules),
        "--python-modules-installer-option": "--no-deps",
        "--job-bookmark-option": "job-bookmark-disable",
        "--enable-metrics": "true",
    }


def package(out: Path, place: str) -> Path:
    """Write wheel, script and arguments; the wheel."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet",
         "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(ROOT)],
        check=True,
    )  # fmt: skip
    (wheel,) = out.glob("endcap-*.whl")
    shutil.copy(SCRIPT, out / SCRIPT.name)
    text = json.dumps(arguments(wheel.name, place), indent=2)
    (out / "arguments.json").write_text(text + "\n", encoding="utf-8")
    return wheel


def main() -> None:
    words = argparse.ArgumentParser(description="Makes what a job of AWS Glue needs.")
    words.add_argument("--out", type=Path, default=ROOT / "build" / "glue")
    words.add_argument("--place", default="s3://BUCKET/glue", help="where the files will lie")
    given = words.parse_args()
    wheel = package(given.out, given.place)
    print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB, beside script and arguments.json")


if __name__ == "__main__":
    main()
