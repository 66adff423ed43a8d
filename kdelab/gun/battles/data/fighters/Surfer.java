package kdelab;

import java.awt.geom.Point2D;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import robocode.Rules;
import robocode.util.Utils;

/**
 * Movement: surfs waves. It counts where it was when the enemy's bullets passed, and goes where it has been least: its
 * profile is flattened, and a gun that has learned it must learn anew. Gun: where the enemy has been most, counted
 * apart for three distances and three lateral speeds.
 */
public final class Surfer extends Fighter {
    static final int BINS = 41;
    static final double POWER = 1.7;
    static final double KEPT = 0.93; // of the counts, at each of the enemy's bullets
    static final double WANTED = 450; // pixels

    static final double[] visits = new double[BINS]; // mine, by guess factor
    static final double[][] targets = new double[9][BINS]; // the enemy's

    private final List<Wave> coming = new ArrayList<>(), going = new ArrayList<>();
    private Point2D.Double enemyBefore;
    private double[] bearings = new double[3]; // from the enemy to me: now, a turn ago, two turns ago
    private int[] directions = {1, 1, 1}; // mine around the enemy
    private int chosen = 1;

    @Override
    void act() {
        double there = bearing + Math.PI;
        double lateral = getVelocity() * Math.sin(getHeadingRadians() - there);
        int direction = lateral > 0 ? 1 : lateral < 0 ? -1 : directions[0];
        bearings = new double[] {there, bearings[0], bearings[1]};
        directions = new int[] {direction, directions[0], directions[1]};
        if (enemyShot > 0 && enemyBefore != null) {
            coming.add(new Wave(enemyBefore, getTime() - 1, enemyShot, bearings[2], directions[2]));
        }
        enemyBefore = enemy;
        surf();
        aim();
    }

    private void surf() {
        Wave nearest = null;
        for (Iterator<Wave> waves = coming.iterator(); waves.hasNext(); ) {
            Wave wave = waves.next();
            double gap = wave.gap(me, getTime());
            if (gap <= 0) {
                count(visits, wave.guessFactor(me), KEPT);
                waves.remove();
            } else if (nearest == null || gap / wave.speed < nearest.gap(me, getTime()) / nearest.speed) {
                nearest = wave;
            }
        }
        if (nearest != null) {
            double least = Double.POSITIVE_INFINITY;
            for (int option : new int[] {chosen, -chosen, 0}) {
                double danger = danger(nearest, option);
                if (danger < least) {
                    least = danger;
                    chosen = option == 0 ? chosen : option;
                    setMaxVelocity(option == 0 ? 0 : 8);
                }
            }
        } else {
            setMaxVelocity(8);
        }
        drive(orbit(me, enemy, chosen, WANTED), 100);
    }

    /** What the counts say of the place at which the wave will meet me if I go that way round, or stop (0). */
    private double danger(Wave wave, int option) {
        Point2D.Double place = me;
        double heading = getHeadingRadians(), velocity = getVelocity();
        long now = getTime();
        while (wave.gap(place, now) > 0 && now < getTime() + 120) {
            double wanted = orbit(place, enemy, option == 0 ? chosen : option, WANTED);
            double turn = Utils.normalRelativeAngle(wanted - heading);
            int ahead = Math.abs(turn) > Math.PI / 2 ? -1 : 1;
            turn = ahead < 0 ? Utils.normalRelativeAngle(turn + Math.PI) : turn;
            double most = Rules.getTurnRateRadians(velocity);
            heading += Math.max(-most, Math.min(most, turn));
            double goal = option == 0 ? 0 : 8 * ahead;
            double change = velocity * (goal - velocity) < 0 ? Rules.DECELERATION : Rules.ACCELERATION;
            velocity += Math.max(-change, Math.min(change, goal - velocity));
            place = project(place, heading, velocity);
            now++;
        }
        return visits[bin(wave.guessFactor(place))];
    }

    private void aim() {
        for (Iterator<Wave> waves = going.iterator(); waves.hasNext(); ) {
            Wave wave = waves.next();
            if (wave.gap(enemy, getTime()) <= 0) {
                count(targets[(int) wave.known[0]], wave.guessFactor(enemy), 0.998);
                waves.remove();
            }
        }
        double lateral = Math.abs(enemyVelocity * Math.sin(enemyHeading - bearing));
        int kind = 3 * Math.min(2, (int) (distance / 250)) + Math.min(2, (int) (lateral / 3));
        double power = affordable(POWER);
        Wave wave = new Wave(me, getTime(), power, bearing, enemyDirection, kind);
        int best = BINS / 2;
        for (int i = 0; i < BINS; i++) {
            best = targets[kind][i] > targets[kind][best] ? i : best;
        }
        if (getEnergy() > power) {
            shoot(wave.aim(2.0 * best / (BINS - 1) - 1), power);
        }
        going.add(wave);
    }

    private static int bin(double guessFactor) {
        return (int) Math.round((guessFactor + 1) / 2 * (BINS - 1));
    }

    private static void count(double[] counts, double guessFactor, double kept) {
        int middle = bin(guessFactor);
        for (int i = 0; i < BINS; i++) {
            counts[i] = counts[i] * kept + 1.0 / (1 + (i - middle) * (i - middle) / 4.0);
        }
    }
}
