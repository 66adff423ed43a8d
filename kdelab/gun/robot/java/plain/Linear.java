package my;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Aims where the enemy will be if it keeps its velocity, but not beyond the wall that it circles towards. */
final class Gun {
    final List<Wave> waves = new ArrayList<>();

    void learn(Wave wave) {
        waves.add(wave);
    }

    double aim(double[] features, double botWidth) {
        double across = known(features, "lateral_speed"), away = -known(features, "approach");
        double distance = known(features, "distance"), power = known(features, "power"), speed = Wave.speed(power);
        // they meet when abs(place + velocity t) = speed t
        double a = across * across + away * away - speed * speed, b = distance * away;
        double time = -(b + Math.sqrt(b * b - a * distance * distance)) / a;
        double angle = Math.atan2(across * time, distance + away * time);
        return Math.min(angle / Wave.escapeAngle(power), known(features, "room_ahead"));
    }

    private static double known(double[] features, String name) {
        return features[Arrays.asList(Weights.FEATURES).indexOf(name)];
    }
}
