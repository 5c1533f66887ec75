"""The native quality measures of NFIQ 2 (ISO/IEC 29794-4) that need no minutiae, under NIST's own names.

On the pictures that NIST publishes with their values they agree in every printed digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from agent.capture.fingerprint.quality import local
from agent.capture.fingerprint.quality.blocks import block_gradients, block_sizes, block_sums
from agent.capture.fingerprint.quality.errors import BlankPrint, TooLittlePrint
from agent.capture.fingerprint.quality.histogram import histogram
from agent.capture.fingerprint.quality.picture import trimmed
from agent.capture.fingerprint.quality.region import region_of_interest
from agent.capture.fingerprint.quality.slanted import slanted_blocks
from agent.devices.seams import Pixels

# Below this deviation there is no contrast to measure (NFIQ 2's UniformImage).
UNIFORM_BELOW = 1.0
# NFIQ 2 gives no frequency measure for fewer foreground blocks.
MIN_BLOCKS = 10


def measure(image: Pixels) -> Mapping[str, float]:
    """Measure one print: height x width, 8-bit grey, dark ridges on light, 500 x 500 ppi.

    Raises WrongPixels, PrintTooSmall, PrintTooLarge, BlankPrint or TooLittlePrint.
    """
    finger = trimmed(image)
    sigma = float(finger.std())
    if sigma < UNIFORM_BELOW:
        raise BlankPrint(f"the greys deviate by {sigma:.2f}, at least {UNIFORM_BELOW} is needed")
    return MappingProxyType(_greys(finger, sigma) | _blockwise(finger) | _regional(finger))


def _greys(finger: Pixels, sigma: float) -> dict[str, float]:
    mean = float(finger.mean())
    of_blocks = float((block_sums(finger.astype(np.int32)) / block_sizes(finger)).mean())
    return {"UniformImage": sigma, "EmptyImageOrContrastTooLow": mean, "Mu": mean, "MMB": of_blocks}


def _blockwise(finger: Pixels) -> dict[str, float]:
    blocks = slanted_blocks(finger)
    count = int(np.count_nonzero(blocks.foreground))
    if count < MIN_BLOCKS:
        raise TooLittlePrint(f"{count} blocks of print, at least {MIN_BLOCKS} are needed")
    values = {
        "FDA": local.frequency(blocks.lying_padded()),
        "LCS": local.clarity(blocks.upright()),
        "OF": local.orientation_flow(blocks),
        "RVUP": local.ridge_valley_ratios(blocks.upright_padded()),
    }
    return dict(pair for name, found in values.items() for pair in histogram(name, found))


def _regional(finger: Pixels) -> dict[str, float]:
    gradients, region = block_gradients(finger), region_of_interest(finger)
    coherence = gradients.coherence[region.blocks]
    certainty = local.orientation_certainty(gradients, *finger.shape)
    return {
        "SufficientFingerprintForeground": float(region.area),
        "ImgProcROIArea_Mean": float(finger[region.mask].mean()) if region.area else 255.0,
        "OrientationMap_ROIFilter_CoherenceSum": float(coherence.sum()),
        "OrientationMap_ROIFilter_CoherenceRel": float(coherence.mean()) if coherence.size else 0.0,
        **dict(histogram("OCL", certainty)),
    }
