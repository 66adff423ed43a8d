package kdelab;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * Gun: learns. Each turn a wave leaves, real or not; what it finds out goes to memory, and a shot is aimed where the
 * nearest neighbours of the present situation are densest. Movement: circles, and turns round at random moments.
 */
public final class Learner extends Fighter {
    static final int NEIGHBOURS = 40;
    static final double POWER = 2;
    static final double BANDWIDTH = 18; // pixels at the enemy's distance
    static final double[] WEIGHTS = {2, 4, 2, 3, 1};

    static final List<Wave> memory = new ArrayList<>(); // of the battle so far
    static final List<Double> seen = new ArrayList<>(); // the guess factors of those waves

    private final List<Wave> flying = new ArrayList<>();
    private int direction = 1;
    private double wanted = 400;
    private int kept; // turns in the enemy's present orbit direction
    private int before = 1;

    @Override
    void act() {
        circle();
        learn();
        double power = affordable(distance < 120 ? 3 : POWER);
        Wave wave = new Wave(me, getTime(), power, bearing, enemyDirection, situation());
        if (getEnergy() > power) {
            shoot(wave.aim(densest(wave)), power);
        }
        flying.add(wave);
    }

    private void circle() {
        if (Math.random() < 0.045) {
            direction = -direction;
            wanted = 250 + 300 * Math.random();
        }
        setMaxVelocity(8);
        drive(orbit(me, enemy, direction, wanted), 100);
    }

    private void learn() {
        for (Iterator<Wave> waves = flying.iterator(); waves.hasNext(); ) {
            Wave wave = waves.next();
            if (wave.gap(enemy, getTime()) <= 0) {
                memory.add(wave);
                seen.add(wave.guessFactor(enemy));
                waves.remove();
            }
        }
    }

    /** Distance, lateral speed, acceleration, room before the wall, turns since reversal: each about 0 to 1. */
    private double[] situation() {
        kept = enemyDirection == before ? kept + 1 : 0;
        before = enemyDirection;
        double room = 0;
        while (room < 1 && field.contains(project(me, bearing + enemyDirection * room, distance))) {
            room += 0.1;
        }
        double lateral = Math.abs(enemyVelocity * Math.sin(enemyHeading - bearing)) / 8;
        return new double[] {
            distance / 900, lateral, (enemyAcceleration + 2) / 3, room, Math.min(1, kept / 50.0)
        };
    }

    private double densest(Wave wave) {
        int size = memory.size();
        int count = Math.min(NEIGHBOURS, size / 4);
        if (count == 0) {
            return 0;
        }
        int[] nearest = new int[count];
        double[] away = new double[count];
        int found = 0;
        for (int i = 0; i < size; i++) {
            double distance = between(memory.get(i).known, wave.known);
            if (found == count && distance >= away[count - 1]) {
                continue;
            }
            int place = found < count ? found++ : count - 1;
            for (; place > 0 && away[place - 1] > distance; place--) {
                away[place] = away[place - 1];
                nearest[place] = nearest[place - 1];
            }
            away[place] = distance;
            nearest[place] = i;
        }
        double width = BANDWIDTH / distance / wave.escape;
        double best = 0, most = -1;
        for (int candidate : nearest) {
            double density = 0;
            for (int neighbour : nearest) {
                density += Math.exp(-Math.abs(seen.get(candidate) - seen.get(neighbour)) / width);
            }
            if (density > most) {
                most = density;
                best = seen.get(candidate);
            }
        }
        return best;
    }

    private static double between(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += WEIGHTS[i] * Math.abs(a[i] - b[i]);
        }
        return sum;
    }
}
