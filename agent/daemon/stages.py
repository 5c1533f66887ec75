"""The stages of a visit, each with its device and with the rules of the policy that is in force."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.capture.chip import TrustAnchors
from agent.capture.fingerprint.judgement import CountMinutiae
from agent.capture.portrait import VisionWorker
from agent.config import Config
from agent.devices.camera import Camera
from agent.devices.fingerprint_pad_drivers import open_pad
from agent.devices.fingerprint_pad_libfprint import Mindtct
from agent.devices.smartcard import CardReader
from agent.diagnostics.devices import pad_choice
from agent.intake.chip_stage import ChipStage, chip_policy
from agent.intake.fingerprint_stage import FingerprintStage, fingerprint_policy
from agent.intake.liveness_stage import LivenessStage, liveness_policy
from agent.intake.match_stage import MatchStage
from agent.intake.policy import Policy
from agent.intake.portrait_stage import PortraitStage
from agent.intake.stages import Stage
from agent.sealing import AnchorCertificates


def make_stages(
    config: Config,
    policy: Policy,
    anchors: AnchorCertificates,
    camera: Camera,
    open_vision: Callable[[], VisionWorker],
    newest_head: Callable[[], bytes],
) -> list[Stage]:
    """Return the stages in their order. `newest_head` is the chain's newest durable head."""
    return [
        ChipStage(
            CardReader(config.card.reader or None).wait_for_card,
            newest_head,
            TrustAnchors.from_der(list(anchors.certificates)),
            chip_policy(policy, config.card.return_s),
            config.card.wait_s,
            config.card.read_s,
        ),
        PortraitStage(camera, open_vision, config.camera.wait_s),
        LivenessStage(camera, open_vision, liveness_policy(policy.liveness), secrets.token_bytes),
        MatchStage(config.models.folder, policy.liveness.match_distance if policy.liveness else None),
        FingerprintStage(
            open_pad(pad_choice(config)),
            policy.fingers,
            fingerprint_policy(policy.fingerprint, config.pad.wait_s),
            _count_minutiae,
        ),
    ]


@contextmanager
def _count_minutiae() -> Iterator[CountMinutiae]:
    """Give libfprint's count; where libfprint is not installed, each call of it says so."""
    with Mindtct() as mindtct:
        yield mindtct.count
