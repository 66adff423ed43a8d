package my;

import java.io.FileWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.StringJoiner;
import robocode.Bullet;
import robocode.ScannedRobotEvent;

/** The robot, and a line for each of its shots and remembered waves in the file that KDELAB_WITNESS names. */
public class Witness extends LearnedBot {
    static int told;
    static String enemy;

    @Override
    public void onScannedRobot(ScannedRobotEvent event) {
        enemy = event.getName().replace("*", ""); // which marks a robot without a version
        super.onScannedRobot(event);
    }

    @Override
    public Bullet setFireBullet(double power) {
        Bullet bullet = super.setFireBullet(power);
        if (bullet != null) {
            double[] values = seen.of(power);
            tell("shot", getRoundNum(), getTime(), aim, Double.NaN, values);
        }
        return bullet;
    }

    @Override
    public void run() {
        if (getRoundNum() == 0) {
            told = 0;
        }
        super.run();
    }

    @Override
    public void setTurnGunRightRadians(double radians) { // called once a turn
        super.setTurnGunRightRadians(radians);
        for (; told < gun.waves.size(); told++) {
            Wave wave = gun.waves.get(told);
            tell("wave", wave.round, wave.time, wave.lower, wave.upper, wave.features);
        }
    }

    private static void tell(String what, int round, long time, double a, double b, double[] values) {
        StringJoiner line = new StringJoiner(",");
        line.add(what).add(enemy).add("" + round).add("" + time).add("" + a).add("" + b);
        Arrays.stream(values).forEach(value -> line.add("" + value));
        try (PrintWriter out = new PrintWriter(new FileWriter(System.getenv("KDELAB_WITNESS"), true))) {
            out.println(line);
        } catch (IOException error) {
            throw new RuntimeException(error);
        }
    }
}
