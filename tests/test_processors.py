"""Other processors by environment: each setting must take effect, and one that does not is noticed."""

import pytest

from tools import processors
from tools.processors import KINDS, Row, counts, facts, table, without_effect


def test_a_setting_without_effect_is_noticed():
    found = facts({**KINDS["sse41"].environment, "ONEDNN_MAX_CPU_ISA": "SSE", "TF_NUM_INTRAOP_THREADS": "2"})
    told = " ".join(without_effect(KINDS["sse41"], found))
    assert "oneDNN is " in told and "threads is 2, not 1" in told and "OpenBLAS" not in told


def test_a_report_is_counted_without_skipped_tests(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/></testsuites>')
    assert counts(report) == (4, 2) and counts(tmp_path / "none.xml") == (0, 0)
    assert table([Row("avx2", "tests", 2, 2, 9.6, 1)]).splitlines()[1].split() == ["avx2", "tests", "2", "2", "10"]


def test_a_kind_whose_setting_is_ignored_fails_before_anything_runs_and_the_others_run(monkeypatch, capsys):
    monkeypatch.setattr(processors, "facts", lambda environment: dict(KINDS["avx2"].proof))
    monkeypatch.setattr(processors, "run", lambda name, part: Row(name, part, 1, 0, 0.0, 0))
    monkeypatch.setattr("sys.argv", ["processors", "sse41", "avx2", "--only", "tests"])
    with pytest.raises(SystemExit) as ended:
        processors.main()
    assert "sse41: threads is 3, not 1" in str(ended.value) and "avx2:" not in str(ended.value)
    assert "sse41      tests" not in capsys.readouterr().out


def test_an_unknown_kind_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["processors", "sse42"])
    with pytest.raises(SystemExit):
        processors.main()
    assert "no such processor: sse42; there are plain, sse41, avx2" in capsys.readouterr().err
