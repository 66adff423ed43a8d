package my;

import java.awt.geom.Point2D;
import robocode.Bullet;
import robocode.util.Utils;

/**
 * A bullet, or the thought of one: what was known when it left, and which guess factors would have hit.
 *
 * A guess factor is the bearing's offset from where the enemy was, times the enemy's direction, over the escape angle.
 */
final class Wave {
    private static final double HALF_WIDTH = 18; // pixels, of a robot's box, which never turns
    private static final double BULLET_RADIUS = 3; // so close to a wall a bullet has hit it
    private static final double TOUCH = 1e-9; // pixels; who grazes the box within rounding has touched it

    final int round;
    final long time; // the turn in which it left; its first step is that of the next turn
    final double x, y; // where it left
    final double bearing, speed, escape;
    final int direction;
    final double[] features;
    double lower, upper; // guess factors that would have hit; none yet if lower > upper

    Bullet bullet; // null for the mere thought of one
    long decided = Long.MAX_VALUE; // the turn in which its bullet met the enemy or a wall

    private final double width, height;
    private double left = Double.POSITIVE_INFINITY, right = Double.NEGATIVE_INFINITY; // offsets that hit, radians
    private int steps;

    Wave(Features seen, double power, int round, double width, double height) {
        this.round = round;
        time = seen.time;
        x = seen.me.x;
        y = seen.me.y;
        bearing = seen.bearing;
        direction = seen.direction;
        speed = speed(power);
        escape = escapeAngle(power);
        features = seen.of(power);
        this.width = width;
        this.height = height;
    }

    static double speed(double power) {
        return 20 - 3 * power;
    }

    /** The largest bearing offset that a robot can reach before the bullet: asin(8 / speed). */
    static double escapeAngle(double power) {
        return Math.asin(8 / speed(power));
    }

    /** The bearing to fire at for a guess factor. */
    double angle(double guessFactor) {
        return bearing + guessFactor * direction * escape;
    }

    /** How wide a robot is at its distance, in guess factors. */
    double botWidth(double distance) {
        return 2 * Math.atan2(HALF_WIDTH, Features.rounded(distance)) / Features.rounded(escape);
    }

    /**
     * Flies one step, in which the enemy stands where it stood before it moved; says whether all of it is behind.
     *
     * The bearings that hit end where the step touches a corner, or one of its ends a side or a wall: those are tried.
     */
    boolean passes(Point2D.Double enemy) {
        double from = steps * speed, to = (steps + 1) * speed;
        double cx = enemy.x - x, cy = enemy.y - y;
        if (from > Math.hypot(Math.abs(cx) + HALF_WIDTH, Math.abs(cy) + HALF_WIDTH)) {
            lower = Features.rounded((direction > 0 ? left : -right) / escape);
            upper = Features.rounded((direction > 0 ? right : -left) / escape);
            return true;
        }
        steps++;
        if (to < Math.hypot(Math.max(Math.abs(cx) - HALF_WIDTH, 0), Math.max(Math.abs(cy) - HALF_WIDTH, 0))) {
            return false;
        }
        tryAt(bearing - escape, from, to, cx, cy);
        tryAt(bearing + escape, from, to, cx, cy);
        for (int i = -1; i <= 1; i += 2) {
            for (int j = -1; j <= 1; j += 2) {
                tryAt(Math.atan2(cx + i * HALF_WIDTH, cy + j * HALF_WIDTH), from, to, cx, cy);
            }
        }
        for (double radius : new double[] {from, to}) {
            for (int side = -1; side <= 1; side += 2) {
                tryLines(radius, cx + side * HALF_WIDTH, cy + side * HALF_WIDTH, from, to, cx, cy);
            }
        }
        tryLines(to, BULLET_RADIUS - x, BULLET_RADIUS - y, from, to, cx, cy);
        tryLines(to, width - BULLET_RADIUS - x, height - BULLET_RADIUS - y, from, to, cx, cy);
        return false;
    }

    /** Tries the bearings at which that radius meets a vertical and a horizontal line. */
    private void tryLines(
            double radius, double vertical, double horizontal, double from, double to, double cx, double cy) {
        double along = Math.sqrt(radius * radius - vertical * vertical); // NaN where it doesn't: then nothing is tried
        double across = Math.sqrt(radius * radius - horizontal * horizontal);
        for (int sign = -1; sign <= 1; sign += 2) {
            tryAt(Math.atan2(vertical, sign * along), from, to, cx, cy);
            tryAt(Math.atan2(sign * across, horizontal), from, to, cx, cy);
        }
    }

    private void tryAt(double angle, double from, double to, double cx, double cy) {
        double offset = Utils.normalRelativeAngle(angle - bearing);
        boolean within = Math.abs(offset) <= escape * (1 + 1e-12) && !(left <= offset && offset <= right);
        if (within && hits(angle, from, to, cx, cy)) {
            left = Math.min(left, offset);
            right = Math.max(right, offset);
        }
    }

    /** Whether the step meets the box and ends inside the field: the engine looks for the wall first. */
    private boolean hits(double angle, double from, double to, double cx, double cy) {
        double dx = Math.sin(angle), dy = Math.cos(angle);
        double endX = x + to * dx, endY = y + to * dy;
        if (endX < BULLET_RADIUS - TOUCH || endX > width - BULLET_RADIUS + TOUCH
                || endY < BULLET_RADIUS - TOUCH || endY > height - BULLET_RADIUS + TOUCH) {
            return false;
        }
        double enter = from, leave = to; // the stretch of the step inside the box
        for (int axis = 0; axis < 2; axis++) {
            double slope = axis == 0 ? dx : dy, centre = axis == 0 ? cx : cy;
            double low = centre - HALF_WIDTH - TOUCH, high = centre + HALF_WIDTH + TOUCH;
            if (slope == 0 && (low > 0 || high < 0)) {
                return false;
            } else if (slope != 0) {
                enter = Math.max(enter, Math.min(low / slope, high / slope));
                leave = Math.min(leave, Math.max(low / slope, high / slope));
            }
        }
        return enter <= leave + TOUCH;
    }
}
