"""``python -m kdelab.report.decisions``: what was decided of the questions of docs/preregistration.md."""

from kdelab.report.decisions.preregistered import answers, table

if __name__ == "__main__":
    print(table(answers()))
