package kdelab;

import java.awt.geom.Point2D;

/**
 * Movement: circles in spurts, and stands still between them. Gun: expects the enemy to go on as it does, on a line or
 * on a circle.
 */
public final class StopAndGo extends Fighter {
    static final double POWER = 2.5;

    private int direction = 1;
    private boolean going;
    private double left; // turns of the present spurt or rest

    @Override
    void act() {
        if (--left <= 0) {
            going = !going;
            left = going ? 8 + 22 * Math.random() : 5 + 15 * Math.random();
            if (going && Math.random() < 0.3) {
                direction = -direction;
            }
        }
        drive(orbit(me, enemy, direction, 450), going ? 100 : 0);
        double power = affordable(POWER);
        if (getEnergy() > power) {
            shoot(angle(me, meeting(20 - 3 * power)), power);
        }
    }

    /** Where a bullet of that speed would meet an enemy that keeps its speed and its turning. */
    private Point2D meeting(double speed) {
        Point2D.Double place = enemy;
        double heading = enemyHeading;
        for (int turns = 1; turns * speed < me.distance(place) && turns < 100; turns++) {
            heading += enemyTurn;
            Point2D.Double next = project(place, heading, enemyVelocity);
            if (!field.contains(next)) {
                break;
            }
            place = next;
        }
        return place;
    }
}
