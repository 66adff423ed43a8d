package bad;

/** Throws in its tenth turn. */
public class Thrower extends robocode.AdvancedRobot {
    public void run() {
        for (int i = 0; i < 10; i++) {
            execute();
        }
        throw new IllegalStateException("out of ideas");
    }
}
