"""A process that appends numbered records to a shared log, dropping repeats as the product does.

Arguments: folder, segment bytes, name, first number, count (0: until it is killed). Prints each
number once it is on disk.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from endcap.adapters.log import FileLog


def main() -> None:
    folder, segment_bytes, name, first, count = sys.argv[1:]
    log = FileLog(Path(folder), int(segment_bytes))
    applied, seen = 0, set[bytes]()
    number = int(first)

    def choose(new: Iterator[tuple[int, bytes]]) -> list[bytes]:
        nonlocal applied
        for offset, payload in new:
            assert payload not in seen
            seen.add(payload)
            applied = offset
        wanted = [
            f"{name}-{number}-{'x' * (number * 37 % 400)}".encode(),
            f"shared-{number}".encode(),
        ]
        return [payload for payload in wanted if payload not in seen]

    while not int(count) or number < int(first) + int(count):
        log.sync(log.append(choose, applied))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


main()
