"""The Java class that a gun becomes, with places for what is its own."""

HEIGHTS = {
    "Box": "u <= 1 ? 1 : 0",
    "Cauchy": "1 / (1 + u * u)",
    "Epanechnikov": "Math.max(0, 1 - u * u)",
    "Gaussian": "Math.exp(-u * u / 2)",
    "GeneralizedNormal": "Math.exp(-Math.pow(u, SHAPE))",
    "Huber": "Math.exp(u < 1 ? -u * u / 2 : 0.5 - u)",
    "Laplace": "Math.exp(-u)",
    "Logistic": "4 / (2 + Math.exp(u) + Math.exp(-u))",
    "Triangular": "Math.max(0, 1 - u)",
}

CLASS = """\
// Weights of a nearest-neighbour gun, learned with kdelab.  NeighbourModel.from_java reads this file back: TRANSFORM
// and DISTANCE_SCALE from the code, all else from the next line.
// kdelab: {json}

{package}public final class {name} {{
    /** The features, in the order of the tables. */
    public static final String[] FEATURES = {{{features}}};

    /** {range_is} */
    public static final double[][] RANGE = {{{ranges}}};

    /** {row_is} */
    public static final double[][] TRANSFORM = {{
{rows}
    }};

    /** Of the features that TRANSFORM takes: raw, or scaled to [0, 1]. */
    public static final String UNITS = "{units}";

    /** logit = DISTANCE_SCALE * Manhattan distance; softmax over the neighbours. */
    public static final double DISTANCE_SCALE = -{scale};

    /** The density: softmax weights times this kernel at the neighbours' guess factors ("interval": each one's own). */
    public static final String KERNEL = "{kernel}";
    public static final double {sizes};

    /** The weight of a uniform density on [-1, 1] that is mixed in. */
    public static final double BACKGROUND = {background};

    /** At most so many neighbours, and at most one in SHARE of the waves that are stored. */
    public static final int NEIGHBOURS = {neighbours}, SHARE = {share};

    /** Whether to aim where most weight's intervals meet; else where most density lies within a robot's width. */
    public static final boolean AIM_BY_INTERVALS = {by_intervals};

    private {name}() {{}}

    /** Where a wave lies: search its neighbours by Manhattan distance between such arrays. */
    public static double[] position(double[] features) {{
        double[] position = new double[features.length];
        for (int i = 0; i < features.length; i++) {{
{place}
        }}
        return position;
    }}

    public static double logit(double distance) {{
        return DISTANCE_SCALE * distance;
    }}

    /** The kernel's height at so many guess factors from its point, where it is highest 1. */
    public static double kernel(double offset) {{
        double u = Math.abs(offset) / BANDWIDTH;
        return {height};
    }}
}}
"""

SCALED = {
    "range_is": "What scales each feature to [0, 1]: low, high.",
    "row_is": "A row w, b, a for each feature: x becomes w (1e-4 + b + x)^a.",
    "place": """\
            double x = (features[i] - RANGE[i][0]) / (RANGE[i][1] - RANGE[i][0]);
            x = Math.max(0, Math.min(1, x));
            position[i] = TRANSFORM[i][0] * Math.pow(1e-4 + TRANSFORM[i][1] + x, TRANSFORM[i][2]);""",
}
RAW = {
    "range_is": "Each feature's range, in its own units: low, high.",
    "row_is": "A row w, b, a for each feature: x, clipped to its range so that b + x > 0, becomes w (b + x)^a.",
    "place": """\
            double x = Math.max(RANGE[i][0], Math.min(RANGE[i][1], features[i]));
            position[i] = TRANSFORM[i][0] * Math.pow(TRANSFORM[i][1] + x, TRANSFORM[i][2]);""",
}
