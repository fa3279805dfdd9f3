"""``python -m endcap`` is the ``endcap`` command."""

from endcap.cli.main import main

if __name__ == "__main__":
    main()
