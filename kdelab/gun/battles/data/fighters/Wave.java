package kdelab;

import java.awt.geom.Point2D;
import robocode.Rules;
import robocode.util.Utils;

/** A bullet, or the thought of one: where and when it left, and what its shooter knew. */
final class Wave {
    final Point2D origin;
    final long time; // of leaving
    final double speed, bearing, escape; // bearing: to the target when it left; escape: asin(8 / speed)
    final int direction; // +1 if the target moved clockwise around the shooter
    final double[] known; // whatever the shooter wants to remember

    Wave(Point2D origin, long time, double power, double bearing, int direction, double... known) {
        this.origin = origin;
        this.time = time;
        this.speed = Rules.getBulletSpeed(power);
        this.bearing = bearing;
        this.escape = Math.asin(Rules.MAX_VELOCITY / speed);
        this.direction = direction;
        this.known = known;
    }

    /** How far the wave still is from a place; negative when it has passed. */
    double gap(Point2D target, long now) {
        return origin.distance(target) - (now - time) * speed;
    }

    /** The guess factor at which the wave would have met that place, within [-1, 1]. */
    double guessFactor(Point2D target) {
        double offset = Utils.normalRelativeAngle(Fighter.angle(origin, target) - bearing);
        return Math.max(-1, Math.min(1, offset * direction / escape));
    }

    double aim(double guessFactor) {
        return bearing + guessFactor * direction * escape;
    }
}
