package bad;

/** Thinks for ever: never ends a turn. */
public class Looper extends robocode.AdvancedRobot {
    public void run() {
        while (true) {
            Math.random();
        }
    }
}
