"""Joint angles to joint positions: a figure of 17 COCO key points and a few more."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Angle(IntEnum):
    """Columns of a pose array (n, 16); radians, zero when standing upright with arms down."""

    THIGH_L = 0  # forward
    THIGH_R = 1
    KNEE_L = 2  # flexion
    KNEE_R = 3
    ARM_L = 4  # forward and up
    ARM_R = 5
    OUT_L = 6  # sideways
    OUT_R = 7
    ELBOW_L = 8  # flexion
    ELBOW_R = 9
    LEAN = 10  # torso, forward
    SIDE = 11  # torso, to the right
    TWIST = 12  # torso about the spine
    TIP = 13  # whole body forward (falling)
    ROLL = 14  # whole body to the right
    SPREAD = 15  # legs apart


class Joint(IntEnum):
    """Joints; the first 17 are COCO's key points in COCO's order."""

    NOSE = 0
    EYE_L = 1
    EYE_R = 2
    EAR_L = 3
    EAR_R = 4
    SHOULDER_L = 5
    SHOULDER_R = 6
    ELBOW_L = 7
    ELBOW_R = 8
    WRIST_L = 9
    WRIST_R = 10
    HIP_L = 11
    HIP_R = 12
    KNEE_L = 13
    KNEE_R = 14
    ANKLE_L = 15
    ANKLE_R = 16
    NECK = 17
    PELVIS = 18
    HEAD = 19
    FACE = 20
    CROWN = 21
    TOE_L = 22
    TOE_R = 23
    HAND_L = 24
    HAND_R = 25
    BACK = 26


KEYPOINTS = 17
_GROUNDED = [
    Joint.ANKLE_L,
    Joint.ANKLE_R,
    Joint.TOE_L,
    Joint.TOE_R,
    Joint.KNEE_L,
    Joint.KNEE_R,
    Joint.PELVIS,
    Joint.HEAD,
    Joint.SHOULDER_L,
    Joint.SHOULDER_R,
]
_CLEARANCE = np.array([0.05, 0.05, 0.03, 0.03, 0.07, 0.07, 0.13, 0.12, 0.1, 0.1])


def rest(frames: int) -> np.ndarray:
    """A pose array (frames, 16) of somebody who stands upright."""
    return np.zeros((frames, len(Angle)))


def joints(
    pose: np.ndarray, position: np.ndarray, heading: np.ndarray, height: float
) -> np.ndarray:
    """World positions (n, 27, 3) in metres of the joints.

    pose: (n, 16); position: (n, 2) or (n, 3) metres, the third being the height of the feet
    above the ground; heading: (n,) radians, 0 along +x; height: of the body in metres. The lowest
    joint touches the ground.
    """
    local = _local(pose) * height
    local = _turned(local, pose[:, Angle.TIP], 1)
    local = _turned(local, pose[:, Angle.ROLL], 0)
    lowest = (local[:, _GROUNDED, 2] - _CLEARANCE).min(axis=1)
    local[:, :, 2] -= lowest[:, None]
    cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]
    world = np.empty_like(local)
    world[..., 0] = local[..., 0] * sin + local[..., 1] * cos + position[:, None, 0]
    world[..., 1] = -local[..., 0] * cos + local[..., 1] * sin + position[:, None, 1]
    world[..., 2] = local[..., 2]
    if position.shape[1] == 3:
        world[..., 2] += position[:, None, 2]
    return world


def _turned(local: np.ndarray, angle: np.ndarray, axis: int) -> np.ndarray:
    """Local positions turned so that the top moves towards +`axis`."""
    if not angle.any():
        return local
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    turned = local.copy()
    turned[..., axis] = local[..., axis] * cos + local[..., 2] * sin
    turned[..., 2] = local[..., 2] * cos - local[..., axis] * sin
    return turned


def _local(pose: np.ndarray) -> np.ndarray:
    """Joints about the pelvis for a body of height 1: x right, y forward, z up."""
    frames = len(pose)
    out = np.zeros((frames, len(Joint), 3))
    column = pose.T
    lean, side, twist = column[Angle.LEAN], column[Angle.SIDE], column[Angle.TWIST]
    up = np.stack([np.sin(side), np.sin(lean), np.cos(lean) * np.cos(side)], axis=1)
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    right = np.stack([np.cos(twist), np.sin(twist), -np.sin(side)], axis=1)
    right -= up * (right * up).sum(axis=1, keepdims=True)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    forward = np.cross(up, right)
    out[:, Joint.NECK] = 0.29 * up
    out[:, Joint.HEAD] = 0.375 * up + 0.02 * forward
    out[:, Joint.CROWN] = 0.40 * up + 0.005 * forward
    out[:, Joint.FACE] = 0.37 * up + 0.042 * forward
    out[:, Joint.NOSE] = 0.372 * up + 0.07 * forward
    out[:, Joint.BACK] = 0.19 * up - 0.085 * forward
    for sign, left_or_right in ((-1, 0), (1, 1)):
        out[:, Joint.EYE_L + left_or_right] = 0.385 * up + 0.06 * forward + sign * 0.02 * right
        out[:, Joint.EAR_L + left_or_right] = 0.38 * up + 0.01 * forward + sign * 0.045 * right
        _leg(out, column, sign, left_or_right)
        _arm(out, column, sign, left_or_right, up, right, forward)
    return out


def _leg(out: np.ndarray, column: np.ndarray, sign: int, leg: int) -> None:
    """Fill in hip, knee, ankle and toe of one leg."""
    thigh = column[Angle.THIGH_L + leg]
    shin = thigh - column[Angle.KNEE_L + leg]
    spread = sign * np.sin(column[Angle.SPREAD])
    hip = np.array([sign * 0.05, 0.0, 0.0])
    knee = hip + 0.245 * np.stack([spread, np.sin(thigh), -np.cos(thigh)], axis=1)
    ankle = knee + 0.235 * np.stack([spread, np.sin(shin), -np.cos(shin)], axis=1)
    foot = np.stack([0 * shin, np.cos(shin), np.sin(shin)], axis=1)
    out[:, Joint.HIP_L + leg] = hip
    out[:, Joint.KNEE_L + leg] = knee
    out[:, Joint.ANKLE_L + leg] = ankle
    out[:, Joint.TOE_L + leg] = ankle + 0.095 * foot
    out[:, Joint.TOE_L + leg, 2] -= 0.012


def _arm(
    out: np.ndarray,
    column: np.ndarray,
    sign: int,
    arm: int,
    up: np.ndarray,
    right: np.ndarray,
    forward: np.ndarray,
) -> None:
    """Fill in shoulder, elbow, wrist and hand of one arm."""
    raise_, outward = column[Angle.ARM_L + arm][:, None], column[Angle.OUT_L + arm][:, None]
    bent = raise_ + column[Angle.ELBOW_L + arm][:, None]
    sideways = sign * right * np.sin(outward)
    upper = (forward * np.sin(raise_) - up * np.cos(raise_)) * np.cos(outward) + sideways
    fore = (forward * np.sin(bent) - up * np.cos(bent)) * np.cos(outward) + 0.6 * sideways
    shoulder = 0.265 * up + sign * 0.098 * right
    elbow = shoulder + 0.165 * upper
    wrist = elbow + 0.145 * fore
    out[:, Joint.SHOULDER_L + arm] = shoulder
    out[:, Joint.ELBOW_L + arm] = elbow
    out[:, Joint.WRIST_L + arm] = wrist
    out[:, Joint.HAND_L + arm] = wrist + 0.03 * fore
    out[:, Joint.PELVIS] = 0.0
