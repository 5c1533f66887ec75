"""What to tell the person: a short list, worst first, without flicker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from agent.capture.evidence import Guidance
from agent.capture.portrait.measures import Analysis
from agent.capture.portrait.policy import PortraitPolicy
from agent.words import Words

# A thing is said when it has been true for so long, and taken back when it has been false for so long.
STEADY_S = 0.4
# It is false only when the value lies inside the gate by this share: no coming and going at the threshold.
CLEAR_BY = 0.03
AT_MOST = 3

NO_FACE = Guidance("portrait.no_face", Words("Mời đứng trước máy ảnh.", "Please stand before the camera."))
GOOD = Guidance("portrait.good", Words("Tốt, giữ yên.", "Good, hold still."))
CAMERA_RECOVERING = Guidance(
    "portrait.camera_recovering",
    Words("Máy ảnh đang khởi động lại, chờ một chút.", "The camera is restarting, one moment."),
)
ONE_PERSON = Guidance(
    "portrait.only_one_person", Words("Chỉ một người đứng trước máy ảnh.", "Only one person before the camera.")
)
TOO_DARK = Guidance("portrait.too_dark", Words("Thiếu sáng, bật thêm đèn.", "Too dark: more light."))
TOO_BRIGHT = Guidance("portrait.too_bright", Words("Quá sáng, giảm bớt đèn.", "Too bright: less light."))
COME_CLOSER = Guidance("portrait.come_closer", Words("Lại gần hơn.", "Come closer."))
STEP_BACK = Guidance("portrait.step_back", Words("Lùi lại một chút.", "Step back a little."))
# The crop reaches over the frame's left, right, upper, lower edge. The camera sees people as they see themselves in a
# photograph, not in a mirror: whoever is at its left edge has to move to their own left.
MOVES = (
    Guidance("portrait.move_left", Words("Dịch sang bên trái của mình.", "Move to your left.")),
    Guidance("portrait.move_right", Words("Dịch sang bên phải của mình.", "Move to your right.")),
    Guidance("portrait.move_down", Words("Hạ thấp người hoặc nâng máy ảnh.", "Sit lower, or raise the camera.")),
    Guidance("portrait.move_up", Words("Nâng cao người hoặc hạ máy ảnh.", "Sit higher, or lower the camera.")),
)
LOOK_STRAIGHT = Guidance("portrait.look_straight", Words("Nhìn thẳng vào máy ảnh.", "Look straight into the camera."))
LIFT_CHIN = Guidance("portrait.lift_chin", Words("Nâng cằm lên một chút.", "Lift your chin a little."))
LOWER_CHIN = Guidance("portrait.lower_chin", Words("Hạ cằm xuống một chút.", "Lower your chin a little."))
UPRIGHT = Guidance("portrait.head_upright", Words("Đừng nghiêng đầu.", "Do not tilt your head."))
UNEVEN = Guidance("portrait.uneven_light", Words("Ánh sáng lệch một bên.", "The light is uneven."))
GLARE = Guidance(
    "portrait.glare_on_glasses",
    Words("Kính bị lóa, hạ gọng kính hoặc bỏ kính.", "Glare on the glasses: tilt them or take them off."),
)
OPEN_EYES = Guidance("portrait.open_eyes", Words("Mở mắt.", "Open your eyes."))
CLOSE_MOUTH = Guidance("portrait.close_mouth", Words("Khép miệng.", "Close your mouth."))
HOLD_STILL = Guidance("portrait.hold_still", Words("Giữ yên, đừng cử động.", "Hold still: you are moving."))
BLURRED = Guidance(
    "portrait.blurred", Words("Ảnh bị mờ: giữ yên, lau ống kính.", "The picture is soft: hold still, clean the lens.")
)
RED_EYE = Guidance("portrait.red_eye", Words("Mắt bị đỏ, tắt đèn chớp.", "Red eyes: switch the flash off."))
BACKGROUND = Guidance(
    "portrait.background", Words("Phông nền không đều, dùng phông trơn.", "The background is not plain.")
)
BY_GATE: Mapping[str, Guidance] = MappingProxyType(
    {
        "single_face_present": ONE_PERSON,
        "under_exposure_prevention": TOO_DARK,
        "over_exposure_prevention": TOO_BRIGHT,
        "inter_eye_distance": COME_CLOSER,
        "kiosk_crop_height": COME_CLOSER,
        "head_pose_yaw": LOOK_STRAIGHT,
        "head_pose_roll": UPRIGHT,
        "illumination_uniformity": UNEVEN,
        "kiosk_glasses_glare": GLARE,
        "eyes_open": OPEN_EYES,
        "kiosk_eye_contrast": OPEN_EYES,
        "mouth_closed": CLOSE_MOUTH,
        "kiosk_motion_blur": HOLD_STILL,
        "kiosk_sharpness": BLURRED,
        "kiosk_red_eye": RED_EYE,
        "background_uniformity": BACKGROUND,
    }
)
# Light that is wrong spoils the measures below it, a moved picture is soft, a soft one has no contrast in the eyes, and
# beyond the frame there is no background: one cause, one sentence.
_SPOILT = (UNEVEN, GLARE, OPEN_EYES, CLOSE_MOUTH, HOLD_STILL, BLURRED, RED_EYE, BACKGROUND)
SPOILS: Mapping[Guidance, tuple[Guidance, ...]] = MappingProxyType(
    {TOO_DARK: _SPOILT, TOO_BRIGHT: _SPOILT, HOLD_STILL: (BLURRED, OPEN_EYES), BLURRED: (OPEN_EYES,)}
    | dict.fromkeys((STEP_BACK, *MOVES), (BACKGROUND,))
)


WORST_FIRST = (
    *(CAMERA_RECOVERING, NO_FACE, ONE_PERSON, TOO_DARK, TOO_BRIGHT, COME_CLOSER, STEP_BACK, *MOVES),
    *(LOOK_STRAIGHT, LIFT_CHIN, LOWER_CHIN, UPRIGHT, UNEVEN, GLARE, OPEN_EYES, CLOSE_MOUTH, HOLD_STILL, BLURRED),
    *(RED_EYE, BACKGROUND),
)


def faults(analysis: Analysis, policy: PortraitPolicy) -> tuple[Guidance, ...]:
    """Return everything to be put right in a frame, worst first; GOOD alone when nothing is."""
    if not analysis.has_face:
        return (NO_FACE,)
    found = {_told(name, analysis) for name in policy.failed(analysis)}
    spoilt = {consequence for cause in found for consequence in SPOILS.get(cause, ())}
    return _sorted(found - spoilt) or (GOOD,)


def _told(name: str, analysis: Analysis) -> Guidance:
    if name == "kiosk_crop_inside_frame":
        return _move(analysis.beyond)
    if name == "head_pose_pitch":
        return LOWER_CHIN if (analysis.native(name) or 0.0) > 0 else LIFT_CHIN
    words = Words(f"Chưa đạt: {name}", f"Not good yet: {name}")
    return BY_GATE.get(name, Guidance(f"portrait.{name}", words))


def _move(beyond: tuple[float, float, float, float]) -> Guidance:
    left, right, above, below = beyond
    if (left and right) or (above and below):
        return STEP_BACK
    return MOVES[beyond.index(max(beyond))]


def _sorted(found: Iterable[Guidance]) -> tuple[Guidance, ...]:
    """Sort worst first; what only a policy's own gate can say comes after, GOOD at the very end."""
    ranks = {guidance: rank for rank, guidance in enumerate(WORST_FIRST)}
    return tuple(sorted(found, key=lambda one: (one is GOOD, ranks.get(one, len(ranks)), one.code)))


class Advice:
    """The list that is shown now. A thing comes in when it has lasted, and goes when it has clearly been over so long.

    `shown` is empty at first; it never has more than AT_MOST entries, and what makes all else pointless is alone.
    """

    def __init__(self, policy: PortraitPolicy) -> None:
        self._policy = policy
        gates = {name: allowed.narrowed(CLEAR_BY) for name, allowed in policy.gates.items()}
        self._narrowed = replace(policy, gates=gates)
        self._active: set[Guidance] = set()
        self._changing_since_s: dict[Guidance, float] = {}
        self.shown: tuple[Guidance, ...] = ()

    def see(self, analysis: Analysis, now_s: float) -> bool:
        """Take a frame in; say whether `shown` has changed."""
        true = faults(analysis, self._policy)
        return self._settle(set(true), set(true if true == (GOOD,) else faults(analysis, self._narrowed)), now_s)

    def see_only(self, guidance: Guidance, now_s: float) -> bool:
        """Take in that nothing but this counts now; say whether `shown` has changed."""
        return self._settle({guidance}, {guidance}, now_s)

    def _settle(self, true: set[Guidance], nearly: set[Guidance], now_s: float) -> bool:
        wanted = true | (self._active & nearly)
        changing = wanted ^ self._active
        since_s = {one: self._changing_since_s.get(one, now_s) for one in changing}
        lasted = {one for one in changing if now_s - since_s[one] >= STEADY_S}
        self._active ^= lasted
        self._changing_since_s = {one: start_s for one, start_s in since_s.items() if one not in lasted}
        before, self.shown = self.shown, _short(_sorted(self._active))
        return self.shown != before


def _short(found: tuple[Guidance, ...]) -> tuple[Guidance, ...]:
    if found and found[0] in {CAMERA_RECOVERING, NO_FACE}:
        return found[:1]
    return tuple(one for one in found if one is not GOOD)[:AT_MOST] or found
