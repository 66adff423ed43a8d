"""Where a bullet can hit: angles, escape angles and the interval of bearings that meets a moving square.

Robocode's conventions: x grows east, y north, headings are in radians with 0 north and clockwise; the robots' boxes are
squares of 36 x 36 pixels that never turn.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.runtime import compiled
from kdelab.loss.validate import Floats, numbers

HALF_WIDTH = 18.0  # of a robot's box, pixels
BULLET_RADIUS = 3.0  # a bullet this close to a wall has hit the wall
MAX_SPEED = 8.0  # of a robot, pixels a turn
TOUCH = 1e-9  # pixels; a bullet that grazes the box within rounding counts as touching it


@compiled(fastmath=False)
def wrap(angle: float) -> float:
    """Return the angle in [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


@compiled(fastmath=False)
def _step_hits(
    angle: float, r0: float, r1: float, x: float, y: float, left: float, right: float, down: float, up: float
) -> bool:
    """Whether the bullet's step from r0 to r1 along `angle` meets the box at (x, y), and ends inside the field.

    The engine looks for the wall first: a step that ends at the wall hits nobody on its way.
    """
    dx, dy = math.sin(angle), math.cos(angle)
    if not (left - TOUCH <= r1 * dx <= right + TOUCH and down - TOUCH <= r1 * dy <= up + TOUCH):
        return False
    enter, leave = r0, r1  # the stretch of the step inside the box: cut by the vertical, then the horizontal sides
    for direction, centre in ((dx, x), (dy, y)):
        low, high = centre - HALF_WIDTH - TOUCH, centre + HALF_WIDTH + TOUCH
        if direction == 0.0:
            if not low <= 0.0 <= high:
                return False
        else:
            a, b = low / direction, high / direction
            enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
    return enter <= leave + TOUCH


def target_interval(
    path: ArrayLike, x: float, y: float, speed: float, reference: float, limit: float, width: float, height: float
) -> tuple[float, float, int]:
    """Return the bearings at which a bullet would have hit a robot, and when the wave has passed it.

    The bullet leaves (x, y) and flies `speed` pixels a turn; its step number s = 0, 1, ... goes from radius s * speed
    to (s + 1) * speed and is tested against the robot's box at ``path[s]``.  The bearings that hit in some step end
    where the step touches a corner, where one of its ends lies on a side of the box or on a wall, or at the limit: so
    the extremes are found exactly by trying those bearings, no grid is searched.

    Parameters
    ----------
    path : array (m, 2)
        The robot's centre in the turn of firing and after, pixels.
    x, y : float
        Where the bullet starts.
    speed : float
        Of the bullet, pixels a turn; above 8, or the robot could outrun it.
    reference, limit : float
        Radians: only bearings within `limit` of `reference` count.
    width, height : float
        The field, pixels.

    Returns
    -------
    lower, upper : float
        Offsets from the reference, radians, in [-limit, limit]; lower > upper where nothing hits.  Where the bearings
        that hit leave gaps (a fast robot between two steps), the smallest interval around all of them.
    steps : int
        After so many steps the whole box at ``path[steps]`` lies behind the wave; 0 where the path ends before.
    """
    scalars = (x, y, speed, reference, limit, width, height)
    return _interval(numbers("path", path), *map(float, scalars))  # one signature, whatever the numbers are


@compiled(fastmath=False)
def _interval(
    path: Floats, x: float, y: float, speed: float, reference: float, limit: float, width: float, height: float
) -> tuple[float, float, int]:
    lower, upper = np.inf, -np.inf
    left, right = BULLET_RADIUS - x, width - BULLET_RADIUS - x
    down, up = BULLET_RADIUS - y, height - BULLET_RADIUS - y
    candidates = np.empty(30)
    for s in range(len(path)):
        r0, r1 = s * speed, (s + 1) * speed
        cx, cy = path[s, 0] - x, path[s, 1] - y
        if r0 > math.hypot(abs(cx) + HALF_WIDTH, abs(cy) + HALF_WIDTH):
            return lower, upper, s
        if r1 < math.hypot(max(abs(cx) - HALF_WIDTH, 0.0), max(abs(cy) - HALF_WIDTH, 0.0)):
            continue
        candidates[0], candidates[1], n = reference - limit, reference + limit, 2
        for side in (-HALF_WIDTH, HALF_WIDTH):
            for other in (-HALF_WIDTH, HALF_WIDTH):
                candidates[n] = math.atan2(cx + side, cy + other)
                n += 1
        for radius, vertical, horizontal in (
            (r0, cx - HALF_WIDTH, cy - HALF_WIDTH),
            (r0, cx + HALF_WIDTH, cy + HALF_WIDTH),
            (r1, cx - HALF_WIDTH, cy - HALF_WIDTH),
            (r1, cx + HALF_WIDTH, cy + HALF_WIDTH),
            (r1, left, down),
            (r1, right, up),
        ):
            for line, is_vertical in ((vertical, True), (horizontal, False)):
                if abs(line) <= radius:
                    other = math.sqrt(radius * radius - line * line)
                    for along in (-other, other):
                        candidates[n] = math.atan2(line, along) if is_vertical else math.atan2(along, line)
                        n += 1
        for angle in candidates[:n]:
            offset = wrap(angle - reference)
            if abs(offset) > limit * (1 + 1e-12) or lower <= offset <= upper:
                continue
            if _step_hits(angle, r0, r1, cx, cy, left, right, down, up):
                lower, upper = min(lower, offset), max(upper, offset)
    return lower, upper, 0


def bullet_speed(power: np.ndarray | float) -> np.ndarray:
    """Return 20 - 3 power: pixels a turn."""
    return 20.0 - 3.0 * numbers("power", power)


def escape_angle(speed: np.ndarray | float) -> np.ndarray:
    """Return asin(8 / speed): the largest bearing offset, in radians, that a robot can reach before the bullet."""
    return np.arcsin(MAX_SPEED / numbers("speed", speed))


def bot_width(distance: Floats, angle: Floats) -> Floats:
    """Return how wide a robot is at a distance, in guess factors; the escape angles must be greater than 0."""
    if (angle <= 0).any():
        raise ValueError(f"waves: escape_angle must be greater than 0, not {angle.min():g}")
    return 2 * np.arctan2(HALF_WIDTH, distance) / angle
