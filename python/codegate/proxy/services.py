"""What every exchange of one worker shares."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from codegate import native
from codegate.config import Interface
from codegate.downstream.body import BodyBudget, BodyClock
from codegate.downstream.heap import Heap
from codegate.downstream.watch import Watchers
from codegate.proxy.hosts import Hosts
from codegate.requestlog.entry import RequestIds
from codegate.requestlog.recorder import Recorder
from codegate.requestlog.writer import LogWriter
from codegate.routing.traffic import Traffic
from codegate.snapshot import Snapshot
from codegate.telemetry.metrics import Metrics
from codegate.telemetry.punctuality import Punctuality
from codegate.tenants.quota import Quota


@dataclass(slots=True, kw_only=True)
class Services:
    """Made once at start-up. ``snapshot`` and ``is_draining`` change, the rest does not."""

    loop: asyncio.AbstractEventLoop
    interface: Interface
    snapshot: Snapshot
    watchers: Watchers
    bridge: native.Bridge
    client: native.Client
    budget: BodyBudget
    clock: BodyClock
    hosts: Hosts
    log: LogWriter
    recorder: Recorder
    metrics: Metrics
    quota: Quota
    traffic: Traffic
    punctuality: Punctuality
    heap: Heap
    ids: RequestIds = field(default_factory=RequestIds)
    exchanges: set[asyncio.Task[object]] = field(default_factory=set)
    streams: dict[asyncio.Task[object], native.Attempt] = field(default_factory=dict)
    is_draining: bool = False
    is_past_drain: bool = False
    """The drain deadline has passed: what still ran was told to end."""
