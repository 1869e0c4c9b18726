"""The only importer of the compiled extension; everything else imports from here."""

from __future__ import annotations

from codegate._native import (
    BUILD_PROFILE,
    FORMATS,
    Attempt,
    BodyError,
    Bridge,
    Client,
    Deadlines,
    Fetched,
    Head,
    Pending,
    Progress,
    Relayed,
    Request,
    Target,
    Usage,
    error_body,
    panic_probe,
    scan,
)

__all__ = [
    "BUILD_PROFILE",
    "FORMATS",
    "Attempt",
    "BodyError",
    "Bridge",
    "Client",
    "Deadlines",
    "Fetched",
    "Head",
    "Pending",
    "Progress",
    "Relayed",
    "Request",
    "Target",
    "Usage",
    "error_body",
    "panic_probe",
    "scan",
]
