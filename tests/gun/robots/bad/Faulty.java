package bad;

/** Moves for 20 turns and then goes wrong in the way that the system's property "fault" names. */
public class Faulty extends robocode.AdvancedRobot {
    private static final String FAULT = System.getProperty("fault", "");
    private int calls;

    public Faulty() {
        if (FAULT.equals("constructor")) {
            throw new IllegalArgumentException("no such robot");
        }
    }

    public void run() {
        for (int i = 0; i < 20; i++) {
            setAhead(8);
            execute();
        }
        switch (FAULT) {
            case "overflow":
                overflow(0);
                break;
            case "traceless":
                throw new RuntimeException("quiet", null, false, false) {};
            case "deep":
                deep(1500);
                break;
            case "fast throw":
                fast();
                break;
            case "mute":
                throw new Mute();
            case "error":
                throw new AssertionError("surely not");
            case "calls":
                while (true) {
                    getX();
                }
            case "resign":
                throw new robocode.exception.AbortedException();
            case "late":
                if (getRoundNum() == 1) {
                    missTurns(2);
                }
                break;
            default:
        }
        while (true) {
            setAhead(8);
            setTurnGunRight(10);
            execute();
        }
    }

    public void onStatus(robocode.StatusEvent event) {
        if (FAULT.equals("handler") && event.getTime() == 20) {
            throw new IllegalStateException("in a handler");
        }
        if (FAULT.equals("handler's error") && event.getTime() == 20) {
            overflow(0);
        }
    }

    private int overflow(int x) {
        return overflow(x + 1) + 1;
    }

    private int deep(int left) {
        if (left == 0) {
            throw new IllegalStateException("from far below");
        }
        return deep(left - 1) + 1;
    }

    /** The same exception so often that HotSpot compiles it in, without a trace. */
    private void fast() {
        int[] eight = new int[7];
        for (int i = 0; i < 400000; i++) {
            try {
                calls += read(eight, i);
            } catch (ArrayIndexOutOfBoundsException caught) {
                calls++;
            }
        }
        read(eight, 7);
    }

    private static int read(int[] numbers, int i) {
        return numbers[i & 7];
    }

    /** Does nothing until so many turns have gone by, which the test counts in the system's property "turn". */
    private void missTurns(int count) {
        long last = getTime() + count;
        while (Long.getLong("turn", 0) < last) {
            Thread.yield();
        }
    }

    /** Cannot even be printed. */
    private static class Mute extends RuntimeException {
        public String toString() {
            throw new IllegalStateException("nor this");
        }
    }
}
