package own;

/** Healthy, though it catches exceptions of its own, prints what looks like the engine's lines, and starts slowly. */
public class Talker extends robocode.AdvancedRobot {
    private static final String SLOWLY = pause(2000);

    public void run() {
        say();
        while (true) {
            say();
            setFire(3);
            setAhead(40);
            setTurnRight(20);
            turnGunRight(10);
        }
    }

    public void onStatus(robocode.StatusEvent event) {
        say();
    }

    public void onDeath(robocode.DeathEvent event) {
        say();
    }

    private void say() {
        try {
            SLOWLY.substring(9);
        } catch (Exception caught) {
            caught.printStackTrace(out);
        }
        out.println("SYSTEM: my own log: no error so far");
        out.println("SYSTEM: own.Talker skipped turn " + getTime());
        out.println("SYSTEM: java.lang.IllegalStateException occurred on robocode.StatusEvent");
        out.println("java.lang.IllegalStateException: in a handler");
        out.println("\tat net.sf.robocode.host.proxies.HostingRobotProxy.callUserCode(HostingRobotProxy.java:274)");
        out.println("SYSTEM: Robot disabled: Too many calls to setXX methods");
        out.print("SYSTEM: Could not load own.Talker");
    }

    private static String pause(int milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException woken) {
            Thread.currentThread().interrupt();
        }
        return "";
    }
}
