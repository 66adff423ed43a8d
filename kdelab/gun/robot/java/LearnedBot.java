package my;

import java.awt.geom.Point2D;
import java.util.ArrayList;
import java.util.List;
import robocode.AdvancedRobot;
import robocode.Bullet;
import robocode.BulletHitEvent;
import robocode.BulletMissedEvent;
import robocode.DeathEvent;
import robocode.RobotDeathEvent;
import robocode.ScannedRobotEvent;
import robocode.util.Utils;

/**
 * A robot for duels with a gun that was trained beforehand: the radar keeps to the enemy, Movement moves, Features says
 * what is known, and Gun says where to aim. Waves tell what would have hit, and go to the gun's memory.
 */
public class LearnedBot extends AdvancedRobot {
    static final double POWER = 2; // of bullets, if there is energy
    static final int VIRTUAL_EVERY = 4; // turns between two waves without a bullet
    static final double ALIGNED = 2; // pixels off the aim at the enemy's distance

    static Gun gun = new Gun(); // remembers the battle's rounds
    static double lastPower; // of the battle's last bullet: that of waves without one
    static List<Wave> flying = new ArrayList<>();
    static Features seen;
    static long died; // the turn of the round's first death

    double aim; // guess factor, of the present turn
    private Movement movement;

    @Override
    public void run() {
        if (getRoundNum() == 0) { // Robocode may keep classes from one battle to the next
            gun = new Gun();
            lastPower = 0;
        } else {
            finish();
        }
        flying = new ArrayList<>();
        died = Long.MAX_VALUE;
        seen = new Features(getBattleFieldWidth(), getBattleFieldHeight());
        movement = new Movement(this);
        setAdjustGunForRobotTurn(true);
        setAdjustRadarForGunTurn(true);
        while (true) {
            if (getRadarTurnRemainingRadians() == 0) {
                setTurnRadarRightRadians(Double.POSITIVE_INFINITY);
            }
            execute();
        }
    }

    @Override
    public void onScannedRobot(ScannedRobotEvent event) {
        double bearing = getHeadingRadians() + event.getBearingRadians();
        setTurnRadarRightRadians(2 * Utils.normalRelativeAngle(bearing - getRadarHeadingRadians()));
        Point2D.Double me = new Point2D.Double(getX(), getY());
        Point2D.Double enemy = Movement.project(me, bearing, event.getDistance());
        movement.move(me, enemy);
        if (getTime() < Features.SWEPT || getTime() == seen.time || died < Long.MAX_VALUE) {
            return;
        }
        for (long missed = seen.time + 1; seen.time >= 0 && missed < getTime(); missed++) {
            fly(seen.drifted((int) (missed - seen.time)));
        }
        seen.see(getTime(), me, getGunHeat(), enemy, event.getHeadingRadians(), event.getVelocity());
        fly(enemy);
        shoot();
    }

    /** Lets all waves fly one step, and remembers those that have passed. */
    private void fly(Point2D.Double enemy) {
        List<Wave> left = new ArrayList<>();
        for (Wave wave : flying) {
            if (!wave.passes(enemy)) {
                left.add(wave);
            } else {
                gun.learn(wave);
            }
        }
        flying = left;
    }

    private void shoot() {
        double power = Math.min(POWER, getEnergy() / 8);
        power = Math.max(0.1, Features.rounded(power));
        Bullet bullet = null;
        Wave wave = new Wave(seen, power, getRoundNum(), getBattleFieldWidth(), getBattleFieldHeight());
        double soon = getGunHeat() / getGunCoolingRate();
        if (soon < 3) {
            aim = gun.aim(wave.features, wave.botWidth(seen.distance));
            double off = Utils.normalRelativeAngle(wave.angle(aim) - getGunHeadingRadians());
            if (soon == 0 && getEnergy() > power && Math.abs(off) * seen.distance < ALIGNED) {
                bullet = setFireBullet(power);
            }
        } else {
            aim = 0;
        }
        setTurnGunRightRadians(Utils.normalRelativeAngle(nextAngle(wave) - getGunHeadingRadians()));
        if (bullet != null) {
            lastPower = power;
        }
        boolean virtual = (getTime() - Features.SWEPT) % VIRTUAL_EVERY == 0 && lastPower > 0;
        if (bullet == null && virtual) {
            wave = new Wave(seen, lastPower, getRoundNum(), getBattleFieldWidth(), getBattleFieldHeight());
        }
        if (bullet != null || virtual) {
            wave.bullet = bullet;
            wave.passes(seen.enemy);
            flying.add(wave);
        }
    }

    /** Where the aim will be in the next turn, when the gun has turned: both robots drive on as they do. */
    private double nextAngle(Wave wave) {
        Point2D.Double me = Movement.project(seen.me, getHeadingRadians(), getVelocity());
        Point2D.Double enemy = Movement.project(seen.enemy, seen.heading, seen.velocity);
        double turned = Math.atan2(enemy.x - me.x, enemy.y - me.y) - seen.bearing;
        return wave.angle(aim) + turned;
    }

    @Override
    public void onBulletHit(BulletHitEvent event) {
        decide(event.getBullet(), event.getTime());
    }

    @Override
    public void onBulletMissed(BulletMissedEvent event) {
        decide(event.getBullet(), event.getTime());
    }

    private void decide(Bullet bullet, long time) {
        for (Wave wave : flying) {
            if (bullet.equals(wave.bullet)) {
                wave.decided = time;
            }
        }
    }

    @Override
    public void onRobotDeath(RobotDeathEvent event) {
        died = Math.min(died, event.getTime());
    }

    @Override
    public void onDeath(DeathEvent event) {
        died = Math.min(died, event.getTime());
    }

    /**
     * Completes the waves that were decided before they had passed, at the latest by the round's first death: of the
     * turns that are missing the enemy drifts on. What would have hit of the others, nobody can say.
     */
    private static void finish() {
        for (Wave wave : flying) {
            boolean known = wave.decided <= died;
            for (int turn = 1; known && !wave.passes(seen.drifted(turn)); turn++) {
                // the next
            }
            if (known) {
                gun.learn(wave);
            }
        }
    }
}
