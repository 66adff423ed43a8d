package own;

/** Drives in circles and shoots at whatever its radar meets. */
public class Spinner extends robocode.AdvancedRobot {
    public void run() {
        while (true) {
            setTurnRight(20);
            setAhead(40);
            setTurnGunRight(30);
            execute();
        }
    }

    public void onScannedRobot(robocode.ScannedRobotEvent event) {
        setFire(1.5);
    }
}
