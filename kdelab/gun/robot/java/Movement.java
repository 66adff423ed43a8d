package my;

import java.awt.geom.Point2D;
import java.awt.geom.Rectangle2D;
import robocode.AdvancedRobot;
import robocode.util.Utils;

/** Circles the enemy at some distance and turns round at random moments. Put your own in its place. */
final class Movement {
    private static final double STICK = 140; // pixels: how far ahead it looks for walls
    private static final double REVERSALS = 0.045; // a turn

    private final AdvancedRobot robot;
    private final Rectangle2D.Double field;
    private int direction = 1;
    private double wanted = 400; // pixels from the enemy

    Movement(AdvancedRobot robot) {
        this.robot = robot;
        field = new Rectangle2D.Double(18, 18, robot.getBattleFieldWidth() - 36, robot.getBattleFieldHeight() - 36);
    }

    /** Called once a turn. */
    void move(Point2D.Double me, Point2D.Double enemy) {
        if (Math.random() < REVERSALS) {
            direction = -direction;
            wanted = 250 + 300 * Math.random();
        }
        double there = Math.atan2(enemy.x - me.x, enemy.y - me.y);
        double lean = Math.max(-0.8, Math.min(0.8, (me.distance(enemy) - wanted) / 400)); // towards it if too far away
        double heading = there - direction * (Math.PI / 2 - lean);
        for (int i = 0; i < 100 && !field.contains(project(me, heading, STICK)); i++) {
            heading += direction * 0.05; // along the wall, towards the enemy
        }
        double turn = Utils.normalRelativeAngle(heading - robot.getHeadingRadians());
        boolean backwards = Math.abs(turn) > Math.PI / 2;
        robot.setTurnRightRadians(backwards ? Utils.normalRelativeAngle(turn + Math.PI) : turn);
        robot.setAhead(backwards ? -100 : 100);
    }

    static Point2D.Double project(Point2D.Double from, double angle, double pixels) {
        return new Point2D.Double(from.x + pixels * Math.sin(angle), from.y + pixels * Math.cos(angle));
    }
}
