"""The learner's face for everybody: an estimator of scikit-learn's kind."""

from kdelab.extras import need

need("sklearn")
