"""``python -m endcap.entrypoints.sagemaker train|serve``: what SageMaker calls in the container."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = ("train", "serve")


def main() -> int:
    words = sys.argv[1:]
    if not words or words[0] not in COMMANDS:
        print(f"usage: python -m endcap.entrypoints.sagemaker {'|'.join(COMMANDS)}")  # noqa: T201
        return 2
    module = import_module(f"endcap.entrypoints.sagemaker.{words[0]}")
    code: int = module.main(words[1:])
    return code


if __name__ == "__main__":
    sys.exit(main())
