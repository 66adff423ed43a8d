package kdelab.listener;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import robocode.control.events.BattleAdaptor;
import robocode.control.events.BattleErrorEvent;
import robocode.control.events.BattleStartedEvent;
import robocode.control.events.RoundEndedEvent;
import robocode.control.events.RoundStartedEvent;
import robocode.control.events.TurnEndedEvent;
import robocode.control.events.IBattleListener;
import robocode.control.snapshot.IBulletSnapshot;
import robocode.control.snapshot.IRobotSnapshot;
import robocode.control.snapshot.ITurnSnapshot;
import robocode.control.snapshot.RobotState;

/**
 * Takes down a battle's turns, as the Recorder in Python does, which has the last word on all that is noteworthy.
 *
 * What comes once a round is handed on to the listener in Python.
 */
public final class Turns extends BattleAdaptor {
    /** What Python does: judge a robot in whose turn something happened, and show a sign of life. */
    public interface Judge {
        /** Says whether the recording goes on. */
        boolean judge(
            int side, int round, int turn, String console, boolean dead, boolean brokeDown, boolean skipped);

        void alive();
    }

    private final IBattleListener rest;
    private final Judge judge;
    private final long heartbeat; // nanoseconds
    private final boolean[] skippedBefore = new boolean[2];
    private final Map<String, double[]> bullets = new LinkedHashMap<>();
    private Object[] peers;
    private Method isAlive, isHalt;
    private Field acted, drained;
    private double[] turns = new double[1 << 16];
    private int filled;
    private boolean over;
    private long told = System.nanoTime();

    public Turns(IBattleListener rest, Judge judge, double heartbeat) {
        this.rest = rest;
        this.judge = judge;
        this.heartbeat = (long) (heartbeat * 1e9);
    }

    /** Takes the engine's side of the robots, and the fields of it that say when a robot acted, and whether it broke down. */
    public void watch(Object[] peers, Field acted, Field drained) throws NoSuchMethodException {
        this.peers = peers;
        this.acted = acted;
        this.drained = drained;
        isAlive = peers[0].getClass().getMethod("isAlive");
        isHalt = peers[0].getClass().getMethod("isHalt");
    }

    @Override
    public void onTurnEnded(TurnEndedEvent event) {
        if (over) {
            return;
        }
        ITurnSnapshot snapshot = event.getTurnSnapshot();
        int round = snapshot.getRound(), turn = snapshot.getTurn();
        int side = 0;
        add(round, turn);
        for (IRobotSnapshot robot : snapshot.getRobots()) {
            add(robot.getX(), robot.getY(), robot.getBodyHeading(), robot.getVelocity());
            add(robot.getEnergy(), robot.getGunHeat(), robot.getState().ordinal());
            look(side++, round, turn, robot.getState() == RobotState.DEAD, robot.getOutputStreamSnapshot());
        }
        for (IBulletSnapshot bullet : snapshot.getBullets()) {
            String key = round + " " + bullet.getOwnerIndex() + " " + bullet.getBulletId();
            double[] row = bullets.get(key);
            if (row == null) {
                row = new double[] {
                    round, bullet.getOwnerIndex(), bullet.getBulletId(), bullet.getPower(), bullet.getHeading(),
                    turn, bullet.getX(), bullet.getY(), 0, 0, 0
                };
                bullets.put(key, row);
            }
            row[8] = turn;
            row[9] = bullet.getState().ordinal();
            row[10] = bullet.getVictimIndex();
        }
        if (System.nanoTime() - told > heartbeat) {
            told = System.nanoTime();
            judge.alive();
        }
    }

    /** Asks the judge where there may be something to judge. */
    private void look(int side, int round, int turn, boolean dead, String console) {
        try {
            Object peer = peers[side];
            boolean brokeDown = drained.getBoolean(peer);
            boolean skipped = (Boolean) isAlive.invoke(peer) && !(Boolean) isHalt.invoke(peer) && acted.getInt(peer) != turn;
            String said = console == null ? "" : console;
            if (brokeDown || skipped || skippedBefore[side] || !said.isEmpty()) {
                over |= !judge.judge(side, round, turn, said, dead, brokeDown, skipped);
            }
            skippedBefore[side] = skipped;
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    private void add(double... values) {
        if (filled + values.length > turns.length) {
            turns = Arrays.copyOf(turns, 2 * turns.length);
        }
        for (double value : values) {
            turns[filled++] = value;
        }
    }

    /** All turns so far, row after row. */
    public double[] turns() {
        return Arrays.copyOf(turns, filled);
    }

    /** All bullets so far, row after row, in the order in which they were first seen. */
    public double[] bullets() {
        return bullets.values().stream().flatMapToDouble(Arrays::stream).toArray();
    }

    @Override
    public void onBattleStarted(BattleStartedEvent event) {
        rest.onBattleStarted(event);
    }

    @Override
    public void onRoundStarted(RoundStartedEvent event) {
        rest.onRoundStarted(event);
    }

    @Override
    public void onRoundEnded(RoundEndedEvent event) {
        rest.onRoundEnded(event);
    }

    @Override
    public void onBattleError(BattleErrorEvent event) {
        rest.onBattleError(event);
    }
}
