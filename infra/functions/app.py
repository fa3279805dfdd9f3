"""The name under which the API is deployed: ``app.handler``."""

from endcap.entrypoints.lambdas.api import handler

__all__ = ["handler"]
