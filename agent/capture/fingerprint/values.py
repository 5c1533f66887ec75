"""Every attempt's values as JSON: native measures under NIST's names, scores, verdicts, and what the preview saw."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from agent.capture.fingerprint.attempt import Attempt
from agent.capture.fingerprint.judgement import check_told
from agent.capture.fingerprint.policy import FingerprintPolicy
from agent.capture.fingerprint.quality import score_model


def values(attempts: Mapping[str, Sequence[Attempt]], kept: Mapping[str, int], policy: FingerprintPolicy) -> bytes:
    """Return the document (UTF-8). `kept` has the number, from 1, of each finger's best attempt."""
    told = {
        "score_model": score_model().version,
        "fingers": {
            name: {
                "kept": kept[name],
                "threshold": policy.threshold(name),
                "attempts": [_attempt(one) for one in ones],
            }
            for name, ones in attempts.items()
        },
    }
    return json.dumps(told, separators=(",", ":")).encode()


def _attempt(attempt: Attempt) -> dict[str, object]:
    double = check_told(attempt.double)
    return {**attempt.judgement.told(), "double": double, "preview": asdict(attempt.shot.seen)}
