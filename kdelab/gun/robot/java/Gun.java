package my;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Aims by the waves of the past that resemble the present one. It takes a table, Weights, and nothing else.
 *
 * The nearest waves by the learned distance get softmax weights; each stands for a kernel at its interval's middle, and
 * the aim is the guess factor around which most density lies within a robot's width.
 */
final class Gun {
    private static final double STEP = 0.005; // guess factors between the places tried
    private static final int PLACES = 401; // from -1 to 1

    final List<Wave> waves = new ArrayList<>();
    private final List<double[]> positions = new ArrayList<>();

    /** Remembers a wave that has passed. */
    void learn(Wave wave) {
        if (wave.lower < wave.upper) { // else nothing within the escape angle would have hit
            waves.add(wave);
            positions.add(Weights.position(wave.features));
        }
    }

    /** The guess factor to aim at; 0, head-on, while too little is known. */
    double aim(double[] features, double botWidth) {
        int count = Math.min(Weights.NEIGHBOURS, waves.size() / Weights.SHARE);
        if (count == 0) {
            return 0;
        }
        int[] nearest = new int[count];
        double[] distances = new double[count];
        nearest(Weights.position(features), nearest, distances);
        double[] weights = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++) {
            weights[i] = Math.exp(Weights.logit(distances[i]) - Weights.logit(distances[0]));
            sum += weights[i];
        }
        for (int i = 0; i < count; i++) {
            weights[i] /= sum;
        }
        return Weights.AIM_BY_INTERVALS ? mostIntervals(nearest, weights) : mostMass(nearest, weights, botWidth);
    }

    /** Finds the nearest waves, nearest first; of equally near ones the earlier. */
    private void nearest(double[] here, int[] nearest, double[] distances) {
        int found = 0;
        for (int i = 0; i < positions.size(); i++) {
            double distance = 0;
            double[] there = positions.get(i);
            for (int f = 0; f < here.length; f++) {
                distance += Math.abs(there[f] - here[f]);
            }
            int place = found < nearest.length ? found++ : nearest.length;
            if (place == nearest.length && !before(distance, i, distances[place - 1], nearest[place - 1])) {
                continue;
            }
            place = Math.min(place, nearest.length - 1);
            for (; place > 0 && before(distance, i, distances[place - 1], nearest[place - 1]); place--) {
                distances[place] = distances[place - 1];
                nearest[place] = nearest[place - 1];
            }
            distances[place] = distance;
            nearest[place] = i;
        }
    }

    private boolean before(double distance, int wave, double otherDistance, int other) {
        if (distance != otherDistance) {
            return distance < otherDistance;
        }
        Wave a = waves.get(wave), b = waves.get(other);
        return a.round != b.round ? a.round < b.round : a.time < b.time;
    }

    /** Where a window of a robot's width holds most density; of equally good places the one nearest to head-on. */
    private double mostMass(int[] nearest, double[] weights, double width) {
        double[] share = new double[PLACES]; // weights, dealt to the two places around each middle
        for (int i = 0; i < nearest.length; i++) {
            Wave wave = waves.get(nearest[i]);
            double place = (Math.max(-1, Math.min(1, (wave.lower + wave.upper) / 2)) + 1) / STEP;
            int left = Math.min((int) place, PLACES - 2);
            share[left] += weights[i] * (1 - (place - left));
            share[left + 1] += weights[i] * (place - left);
        }
        double[] density = new double[PLACES], mass = new double[PLACES]; // mass: from -1 to that place
        for (int i = 0; i < PLACES; i++) {
            for (int j = 0; j < PLACES; j++) {
                density[i] += share[j] * KERNEL[Math.abs(i - j)];
            }
            mass[i] = i == 0 ? 0 : mass[i - 1] + (density[i - 1] + density[i]) / 2;
        }
        double half = Math.min(width / 2, 1) / STEP, best = 0, most = -1;
        int middle = PLACES / 2;
        for (int away = 0; away <= middle; away++) {
            for (int place = middle - away; place <= middle + away; place += Math.max(1, 2 * away)) {
                double score = half > 0.5 ? at(mass, place + half) - at(mass, place - half) : density[place];
                if (score > most * (1 + 1e-12)) {
                    most = score;
                    best = (place - middle) * STEP;
                }
            }
        }
        return best;
    }

    private static double at(double[] mass, double place) {
        place = Math.max(0, Math.min(PLACES - 1, place));
        int left = Math.min((int) place, PLACES - 2);
        return mass[left] + (place - left) * (mass[left + 1] - mass[left]);
    }

    private static final double[] KERNEL = new double[PLACES];

    static {
        for (int i = 0; i < PLACES; i++) {
            KERNEL[i] = Weights.kernel(i * STEP);
        }
    }

    /** The middle of the stretch where most weight's intervals meet, as BeepBoop aims; of equal ones the first. */
    private double mostIntervals(int[] nearest, double[] weights) {
        int count = nearest.length;
        double[][] ends = new double[2 * count][]; // where, and how the height changes there
        for (int i = 0; i < count; i++) {
            Wave wave = waves.get(nearest[i]);
            ends[2 * i] = new double[] {wave.lower, weights[i]};
            ends[2 * i + 1] = new double[] {wave.upper, -weights[i]};
        }
        Arrays.sort(ends, (a, b) -> Double.compare(a[0], b[0]));
        double height = 0, most = -1, best = 0;
        for (int i = 0; i < 2 * count - 1; i++) {
            height += ends[i][1];
            if (ends[i + 1][0] > ends[i][0] && height > most * (1 + 1e-12)) {
                most = height;
                best = (ends[i][0] + ends[i + 1][0]) / 2;
            }
        }
        return best;
    }
}
