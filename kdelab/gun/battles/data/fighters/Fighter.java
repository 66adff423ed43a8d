package kdelab;

import java.awt.geom.Point2D;
import java.awt.geom.Rectangle2D;
import robocode.AdvancedRobot;
import robocode.BulletHitEvent;
import robocode.HitByBulletEvent;
import robocode.HitRobotEvent;
import robocode.Rules;
import robocode.ScannedRobotEvent;
import robocode.util.Utils;

/**
 * What the robots of this package share: a radar that holds on to the enemy, what a scan tells, and steering.
 *
 * Angles are radians, 0 is north, clockwise. Chance comes from Math.random alone, which Robocode seeds.
 */
public abstract class Fighter extends AdvancedRobot {
    static final double STICK = 140; // pixels: how far ahead a robot looks for walls
    static final double GUN_ALIGNED = 10; // pixels off the aim at the enemy's distance

    final Rectangle2D.Double field = new Rectangle2D.Double(18, 18, 764, 564);
    Point2D.Double me, enemy;
    double bearing, distance; // to the enemy
    double enemyHeading, enemyVelocity, enemyEnergy = 100;
    double enemyTurn, enemyAcceleration; // since the last scan
    double enemyShot; // power of the bullet that the enemy has just fired, 0 for none
    int enemyDirection = 1; // +1 if the enemy last moved clockwise around us
    private long scanned = -1;

    /** Called once a turn, as soon as the enemy has been seen. */
    abstract void act();

    @Override
    public void run() {
        setAdjustGunForRobotTurn(true);
        setAdjustRadarForGunTurn(true);
        while (true) {
            if (getTime() - scanned > 1) {
                setTurnRadarRightRadians(2 * Math.PI);
            }
            execute();
        }
    }

    @Override
    public void onScannedRobot(ScannedRobotEvent event) {
        if (scanned == getTime()) {
            return;
        }
        me = new Point2D.Double(getX(), getY());
        bearing = getHeadingRadians() + event.getBearingRadians();
        distance = event.getDistance();
        enemy = project(me, bearing, distance);
        double lost = enemyEnergy - event.getEnergy();
        enemyShot = lost > 0.09 && lost < 3.01 ? lost : 0;
        enemyEnergy = event.getEnergy();
        boolean before = scanned == getTime() - 1;
        enemyTurn = before ? Utils.normalRelativeAngle(event.getHeadingRadians() - enemyHeading) : 0;
        enemyAcceleration = before ? Math.abs(event.getVelocity()) - Math.abs(enemyVelocity) : 0;
        enemyHeading = event.getHeadingRadians();
        enemyVelocity = event.getVelocity();
        double lateral = enemyVelocity * Math.sin(enemyHeading - bearing);
        enemyDirection = lateral > 0 ? 1 : lateral < 0 ? -1 : enemyDirection;
        scanned = getTime();
        setTurnRadarRightRadians(2 * Utils.normalRelativeAngle(bearing - getRadarHeadingRadians()));
        act();
    }

    @Override
    public void onBulletHit(BulletHitEvent event) {
        enemyEnergy -= Rules.getBulletDamage(event.getBullet().getPower());
    }

    @Override
    public void onHitByBullet(HitByBulletEvent event) {
        enemyEnergy += Rules.getBulletHitBonus(event.getPower());
    }

    @Override
    public void onHitRobot(HitRobotEvent event) {
        enemyEnergy -= Rules.ROBOT_HIT_DAMAGE;
    }

    /** Turns the gun there, and fires if it was nearly there already; says whether it fired. */
    boolean shoot(double angle, double power) {
        boolean aligned = Math.abs(getGunTurnRemainingRadians()) * distance < GUN_ALIGNED;
        setTurnGunRightRadians(Utils.normalRelativeAngle(angle - getGunHeadingRadians()));
        return getGunHeat() == 0 && aligned && setFireBullet(power) != null;
    }

    /** The power wanted, or less if little energy is left. */
    double affordable(double power) {
        return Math.max(Rules.MIN_BULLET_POWER, Math.min(power, getEnergy() / 8));
    }

    /** Drives forwards or backwards, whichever is the smaller turn. */
    void drive(double heading, double pixels) {
        double turn = Utils.normalRelativeAngle(heading - getHeadingRadians());
        boolean backwards = Math.abs(turn) > Math.PI / 2;
        setTurnRightRadians(backwards ? Utils.normalRelativeAngle(turn + Math.PI) : turn);
        setAhead(backwards ? -pixels : pixels);
    }

    /** The heading that circles a centre at the wanted distance; walls bend it towards the centre. */
    double orbit(Point2D from, Point2D centre, int direction, double wanted) {
        double there = angle(from, centre);
        double lean = (from.distance(centre) - wanted) / 400; // towards the centre if too far away
        double heading = there - direction * (Math.PI / 2 - Math.max(-0.8, Math.min(0.8, lean)));
        for (int i = 0; i < 100 && !field.contains(project(from, heading, STICK)); i++) {
            heading += direction * 0.05; // turn towards the centre along the wall
        }
        return heading;
    }

    static Point2D.Double project(Point2D from, double angle, double pixels) {
        return new Point2D.Double(from.getX() + pixels * Math.sin(angle), from.getY() + pixels * Math.cos(angle));
    }

    static double angle(Point2D from, Point2D to) {
        return Math.atan2(to.getX() - from.getX(), to.getY() - from.getY());
    }
}
