"""Counting pairs of items: the kernel beside scipy's sparse product of the same matrix.

python bench/pair_counts.py [--events 1000000 --items 5000]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from growth_shop import shop

from endcap.models import pairs
from endcap.models.neighbours import from_matrix

KEEP = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=5000)
    given = parser.parse_args()
    matrix = pairs.user_items(shop(given.events, given.items), 0.0)
    pairs.gram(matrix[:10], 1000, 0, 10**9)  # compiles

    def product() -> Any:
        return matrix.T.tocsr() @ matrix

    forms = {
        "kernel, all cells in order": lambda: pairs.gram(matrix, 10**6, 0, 10**9),
        "scipy, all cells in order": lambda: product().sorted_indices(),
        f"kernel, {KEEP} strongest of each": lambda: pairs.gram(
            matrix, 10**6, 0, KEEP * matrix.shape[1]
        ),
        f"scipy, {KEEP} strongest of each": lambda: from_matrix(product(), KEEP),
    }
    for name, form in forms.items():
        begun = time.process_time()
        form()
        print(f"{name}: {time.process_time() - begun:.2f} s of the processor", flush=True)


if __name__ == "__main__":
    main()
