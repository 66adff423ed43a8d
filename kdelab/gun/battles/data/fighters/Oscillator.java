package kdelab;

import robocode.util.Utils;

/**
 * Movement: to and fro across the line of fire at a distance; turns round when the enemy has fired, and before walls.
 * Gun: anywhere that the enemy can reach, at random.
 */
public final class Oscillator extends Fighter {
    static final double POWER = 1.4;
    static final double DISTANCE = 330; // pixels
    static final double BENT = 0.9; // radians that a wall may turn it aside
    static final int PATIENCE = 20; // turns before a wall may turn it round again

    private int direction = 1;
    private long turned;
    private double guess;

    @Override
    void act() {
        double heading = orbit(me, enemy, direction, DISTANCE);
        double bent = Utils.normalRelativeAngle(heading - bearing + direction * Math.PI / 2);
        boolean wall = Math.abs(bent) > BENT && getTime() - turned > PATIENCE;
        if (wall || enemyShot > 0) {
            direction = -direction;
            turned = getTime();
            heading = orbit(me, enemy, direction, DISTANCE);
        }
        drive(heading, 100);

        double power = affordable(POWER);
        Wave wave = new Wave(me, getTime(), power, bearing, enemyDirection);
        if (getEnergy() > power && shoot(wave.aim(guess), power)) {
            guess = Math.random() - Math.random(); // the next shot's
        }
    }
}
