"""Errors that only HTTP knows."""

from __future__ import annotations

from endcap.domain.errors import EndcapError, InvalidInput


class MethodNotPermitted(EndcapError):
    status = 405


class NotAcceptable(InvalidInput):
    """None of the forms that the client takes can be given."""

    status = 406


class TooSlow(EndcapError):
    """The client did not send what it announced in time."""

    status = 408


class UnsupportedContent(InvalidInput):
    status = 415


class Internal(EndcapError):
    """A defect of ours: what happened stands in the log, not in the answer."""

    status = 500
