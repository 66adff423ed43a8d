package bad;

/** Ends the whole Java machine. */
public class Quitter extends robocode.AdvancedRobot {
    public void run() {
        execute();
        Runtime.getRuntime().halt(7);
    }
}
