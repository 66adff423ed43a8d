"""The examples of docs/regression.md run as they stand there."""

import re

from test_house import ROOT

TEXT = (ROOT / "docs" / "regression.md").read_text()


def test_the_examples_run_one_after_the_other(capsys):
    space = {}
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/regression.md", "exec"), space)
    said = capsys.readouterr().out
    assert re.search(r"held out: 5\.\d\d nats", said)
    assert "'bmi')" in said


def test_the_page_is_short_and_has_its_tables():
    assert TEXT.count("\n") <= 120
    assert TEXT.count("| ours |") == 3
