package my;

import java.awt.geom.Point2D;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What the gun knows of its enemy: fourteen numbers, brought up to date once a turn, none of which looks ahead.
 *
 * Robocode's conventions: x grows east, y north; headings and bearings are radians, 0 is north, clockwise. A turn's
 * values are those of getTime(), as a scan in that turn reports them. A table of waves that kdelab recorded holds the
 * same numbers by the same names.
 */
final class Features {
    /** History begins with this turn of each round: by then any radar has swept once around. */
    static final int SWEPT = 10;

    static final double STILL = 1e-6; // pixels a turn; slower is rounding, not motion
    static final double HALF_WIDTH = 18; // pixels, of a robot
    static final double COOLING = 0.1; // gun heat lost in a turn

    final Point2D.Double me = new Point2D.Double(), enemy = new Point2D.Double();
    double bearing, distance; // from us to the enemy
    double heading, velocity; // of the enemy, pixels a turn, negative when it drives backwards
    int direction; // +1 if the enemy last moved clockwise around us, -1 if counter-clockwise
    long time = -1; // the turn of all that

    private double gunHeat, acceleration;
    private int driving; // the sign of the enemy's velocity when it last had one
    private long reversed, changedSpeed; // turns
    private final Deque<Point2D.Double> places = new ArrayDeque<>(); // the enemy's, now and in the ten turns before
    private final double width, height; // of the field, pixels

    Features(double width, double height) {
        this.width = width;
        this.height = height;
    }

    /** Takes down a turn: call it once in every turn from SWEPT on, with what getX() and a scan say in that turn. */
    void see(long now, Point2D.Double mine, double heat, Point2D.Double its, double itsHeading, double itsVelocity) {
        boolean first = time < 0;
        acceleration = first ? 0 : Math.abs(itsVelocity) - Math.abs(velocity);
        time = now;
        gunHeat = heat;
        me.setLocation(mine);
        enemy.setLocation(its);
        heading = itsHeading;
        velocity = itsVelocity;
        bearing = Math.atan2(its.x - mine.x, its.y - mine.y);
        distance = mine.distance(its);

        double lateral = velocity * Math.sin(heading - bearing);
        int before = first ? 1 : direction;
        direction = Math.abs(lateral) > STILL ? (int) Math.signum(lateral) : before;
        driving = Math.abs(velocity) > STILL ? (int) Math.signum(velocity) : first ? 1 : driving;
        if (first) {
            reversed = changedSpeed = now;
        } else {
            reversed = direction != before ? now : reversed;
            changedSpeed = Math.abs(acceleration) > STILL ? now : changedSpeed;
        }
        places.addLast(its);
        if (places.size() > 11) {
            places.removeFirst();
        }
    }

    /** Where the enemy will be in so many turns if it keeps its velocity, stopped by the walls. */
    Point2D.Double drifted(int turns) {
        double ahead = turns * velocity;
        return new Point2D.Double(
            limited(enemy.x + ahead * Math.sin(heading), HALF_WIDTH, width - HALF_WIDTH),
            limited(enemy.y + ahead * Math.cos(heading), HALF_WIDTH, height - HALF_WIDTH)
        );
    }

    /** The fourteen, in the order of Weights.FEATURES, for a bullet of that power fired now. */
    double[] of(double power) {
        double relative = heading - bearing;
        double escape = Wave.escapeAngle(power);
        double[] values = new double[Weights.FEATURES.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = rounded(value(Weights.FEATURES[i], power, relative, escape));
        }
        return values;
    }

    private double value(String name, double power, double relative, double escape) {
        switch (name) {
            case "distance": // pixels
                return limited(distance, 0, 1000);
            case "power": // energy
                return power;
            case "flight_time": // turns
                return limited(distance / Wave.speed(power), 0, 90);
            case "lateral_speed": // across the line of fire, pixels a turn
                return Math.abs(velocity * Math.sin(relative));
            case "approach": // along the line of fire, positive towards us, pixels a turn
                return -velocity * Math.cos(relative);
            case "speed": // pixels a turn
                return Math.abs(velocity);
            case "acceleration": // change of speed in the last turn, negative when braking
                return limited(acceleration, -2, 2);
            case "since_reversal": // turns since direction last changed, or since history began
                return limited(time - reversed, 0, 70);
            case "since_speed_change": // turns since the speed last changed, or since history began
                return limited(time - changedSpeed, 0, 70);
            case "moved_10": // pixels between the enemy's places now and ten turns ago, or when history began
                return limited(enemy.distance(places.getFirst()), 0, 80);
            case "room_ahead": // how far the enemy can circle us in its direction, up to a wall, escape angles
                return limited(orbitRoom(direction) / escape, 0, 1.5);
            case "room_behind": // the same against its direction
                return limited(orbitRoom(-direction) / escape, 0, 1.5);
            case "facing": // cosine of the angle between the enemy's motion and the line to us
                return -driving * Math.cos(relative);
            case "gun_cools_in": // turns until our gun can fire; 0 at a real shot
                return limited(gunHeat / COOLING, 0, 30);
            default:
                throw new IllegalArgumentException("no feature " + name + ": teach it to Features.java");
        }
    }

    /** How far, in radians, the enemy can circle us before its centre leaves the field: at most half a circle. */
    private double orbitRoom(int way) {
        double room = Math.PI;
        for (int axis = 0; axis < 2; axis++) {
            double start = axis == 0 ? me.x : me.y, extent = axis == 0 ? width : height;
            for (double wall : new double[] {HALF_WIDTH, extent - HALF_WIDTH}) {
                double sine = (wall - start) / distance;
                if (Math.abs(sine) > 1) {
                    continue; // the circle doesn't reach that wall
                }
                for (double crossing : new double[] {Math.asin(sine), Math.PI - Math.asin(sine)}) {
                    if (Math.cos(crossing) * way * (wall > HALF_WIDTH ? 1 : -1) <= 0) {
                        continue; // there it would come in, not go out
                    }
                    double angle = (crossing - axis * Math.PI / 2 - bearing) * way;
                    double away = angle - 2 * Math.PI * Math.floor(angle / (2 * Math.PI));
                    room = Math.min(room, away > 2 * Math.PI - 1e-4 ? 0 : away); // 0: it stands on the wall
                }
            }
        }
        return room;
    }

    private static double limited(double value, double low, double high) {
        return Math.max(low, Math.min(high, value));
    }

    /** Six decimals, as tables of waves have them: so a gun aims in a battle as it would in a replay. */
    static double rounded(double value) {
        return Math.rint(value * 1e6) / 1e6;
    }
}
