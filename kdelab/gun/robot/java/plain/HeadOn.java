package my;

import java.util.ArrayList;
import java.util.List;

/** Aims where the enemy is; the least that a gun can do, in the place of one that learns. */
final class Gun {
    final List<Wave> waves = new ArrayList<>();

    void learn(Wave wave) {
        waves.add(wave);
    }

    double aim(double[] features, double botWidth) {
        return 0;
    }
}
