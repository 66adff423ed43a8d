package bad;

/** Thinks for ever in its sixth turn. */
public class Looper extends robocode.AdvancedRobot {
    public void run() {
        for (int i = 0; i < 5; i++) {
            execute();
        }
        while (true) {
            Math.random();
        }
    }
}
