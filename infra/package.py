"""Makes the zip of the functions of AWS Lambda: Endcap and the few packages that answering needs.

    python infra/package.py --out build/functions.zip            # for Lambda on arm64
    python infra/package.py --out build/functions.zip --installed   # for this machine
    python infra/package.py --pins    # what the container image installs: functions.Dockerfile

Versions are those of requirements-dev.lock, checked by their hashes; ``--installed`` copies what
this Python has instead, and needs no network. The same input gives the same zip, byte for byte.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements-dev.lock"
RUNTIME_LOCK = ROOT / "requirements.lock"
PACKAGES = ("aws-lambda-powertools", "aws-xray-sdk", "boto3", "botocore", "jmespath", "msgspec",
            "numpy", "python-dateutil", "s3transfer", "six", "typing-extensions", "urllib3",
            "wrapt")  # fmt: skip
IMAGE = ("fsspec", "pgvector", "psycopg", "psycopg-binary")  # beside these and the runtime's lock
PYTHON = "3.12"  # of the functions: its runtime has a C library that numpy's wheels take
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")
MOST_BYTES = 250 * 10**6  # unzipped, as Lambda has it
# The clients that the functions make; the descriptions of all others stay behind.
SERVICES = ("dynamodb", "kinesis", "personalize-runtime", "s3", "sagemaker-runtime",
            "secretsmanager", "ses", "sns", "ssm", "stepfunctions", "sts")  # fmt: skip
LEFT_OUT = re.compile(r"(^|/)(__pycache__|tests?|testing|_pyinstaller|f2py)(/|$)|\.(pyc|pyi|lib)$")
DATE = (1980, 1, 1, 0, 0, 0)


def entries(lock: Path) -> dict[str, str]:
    """By package, the lines that pin it, with its hashes."""
    found = re.split(r"\n(?=[a-z0-9])", lock.read_text("utf-8").strip())
    return {entry.split("==")[0].split("[")[0]: entry for entry in found if "==" in entry}


def locked(names: tuple[str, ...]) -> str:
    """The lines of the lock that pin these packages, with their hashes."""
    found = entries(LOCK)
    return "\n".join(found[name] for name in names) + "\n"


def image_pins() -> str:
    """What the container image installs: all that runs anywhere, and what functions need."""
    known = entries(RUNTIME_LOCK)
    more = locked(tuple(name for name in PACKAGES + IMAGE if name not in known))
    return "\n".join(known.values()) + "\n" + more


def download(target: Path) -> None:
    """The wheels for Lambda on arm64."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
        pins.write(locked(PACKAGES))
        pins.flush()
        words = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet",
                 "--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation", "cp",
                 "--python-version", PYTHON, "--target", str(target)]  # fmt: skip
        words += [f"--platform={platform}" for platform in PLATFORMS]
        subprocess.run([*words, "--requirement", pins.name], check=True)


def copy_installed(target: Path) -> None:
    """The same packages as this Python has them."""
    for name in PACKAGES:
        for file in distribution(name).files or ():
            source = Path(str(file.locate()))
            if ".." not in file.parts and source.is_file():
                place = target / file
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, place)


def wanted(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name in the zip, file), in order of name."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        described = re.match(r"boto(core|3)/data/([^/]+)/", name)
        if described and described[2] not in SERVICES:
            continue
        if path.is_file() and not LEFT_OUT.search(name):
            yield name, path


def package(out: Path, installed: bool) -> int:
    """Write the zip; how many bytes it holds unzipped. SystemExit where that is too much."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (copy_installed if installed else download)(folder)
        shutil.copytree(ROOT / "src" / "endcap", folder / "endcap")
        shutil.copytree(ROOT / "infra" / "functions", folder, dirs_exist_ok=True)  # handlers' names
        files = list(wanted(folder))
        size = sum(path.stat().st_size for _, path in files)
        if size > MOST_BYTES:
            raise SystemExit(f"{size / 1e6:.0f} MB unzipped: Lambda takes {MOST_BYTES / 1e6:.0f}")
        out.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
            for place, path in files:
                entry = zipfile.ZipInfo(place, DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                made.writestr(entry, path.read_bytes())
    return size


def main() -> None:
    words = argparse.ArgumentParser(description="Makes the zip of the functions of AWS Lambda.")
    words.add_argument("--out", type=Path, default=ROOT / "build" / "functions.zip")
    words.add_argument("--installed", action="store_true", help="of this machine's packages")
    words.add_argument("--pins", action="store_true", help="print what the image installs")
    given = words.parse_args()
    if given.pins:
        print(image_pins(), end="")
        return
    size = package(given.out, given.installed)
    zipped = given.out.stat().st_size
    print(f"{given.out}: {zipped / 1e6:.1f} MB, {size / 1e6:.1f} MB unzipped")


if __name__ == "__main__":
    main()
