"""The run folder: what is saved is read back, half a file never appears, and what cannot be read is refused with a reason."""

import contextlib
import json
import math
import os
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from bench import records
from bench.records import (
    SEVERITY,
    Attainment,
    Block,
    Cell,
    CellSample,
    ColdCosts,
    Error,
    ProblemId,
    ProblemRoofline,
    Run,
    RunManifest,
    Speedup,
    UnreadableRun,
    load_run,
    save_run,
    worst_status,
)


def a_cell(**fields):
    defaults = {
        "backend": "mine × yours", "algorithm": "QR", "control": False, "problem": ProblemId("synthetic", "0123456789abcdef", 0),
        "n_samples": 100, "n_features": 10, "dtype": "float64", "threads": 1, "n_iter": 1000, "rounds": 5, "calls": 3,
        "flags": ["no steady state"], "predicted_s": None, "error_curve": [[0, 1e-16], [1, 2e-16]], "status": "ok", "detail": None,
        "rerun": "gdbench run -b mine", "samples_s": [0.1, None, 0.3], "median_s": 0.2, "ci_low_s": 0.1, "ci_high_s": 0.3,
        "per_iteration_s": 2e-4, "read_gb_per_s": 1.5, "speedup": [Speedup("numpy_vectorized", 2.0, None, None)],
        "error": Error(1e-15, 1e-13), "cold_costs": ColdCosts(import_s=0.1, break_even_calls="never"), "peak_bytes": 2**40,
        "cpu_over_wall": 0.99,
    }  # fmt: skip
    return Cell(**defaults | fields)


def a_roof():
    reached = Attainment(
        backend="mine", pass_s=1e-6, gb_per_s=8.8, gflop_per_s=4.3, share=0.1, share_ci_low=None, share_ci_high=None,
        overhead_s=1e-7, limit_s=1e-7, bottleneck="arithmetic",
    )  # fmt: skip
    return ProblemRoofline(
        threads=1, dtype="float64", problem="synthetic", n_samples=100, n_features=10, bytes=8800, operations=4300,
        read_gb_per_s=88.0, read_ci_low=80.0, read_ci_high=90.0, peak_gflop_per_s=None, ridge=None, limit_s=1e-7,
        limited_by="bandwidth", backends=[reached],
    )  # fmt: skip


def a_run(**fields):
    block = Block(
        index=0,
        threads=1,
        order=["mine"],
        cells={"mine": ["mine-1"]},
        hash_seed=2**32 - 1,
        padding_bytes=4095,
        started="now",
        seconds=1.5,
    )
    defaults = {
        "created": "2024-01-01T00:00:00+00:00", "command": "gdbench run", "plan": {"mode": "quick", "sizes": [1, 2]},
        "machine": {"cpu": {"model": "é ü 中"}}, "blocks": [block], "roofline": [a_roof()], "stable": False,
        "reasons": ["it was noisy"], "cells": [a_cell(), a_cell(status="skipped", samples_s=[], median_s=None, predicted_s=12.5)],
    }  # fmt: skip
    return Run(**defaults | fields)


@pytest.fixture
def saved(tmp_path):
    """The document of a saved run, to be changed, and a function that writes a changed one and reads it as a run."""
    save_run(tmp_path, a_run())
    path = tmp_path / "run.json"

    def reread(content):
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_run(tmp_path)

    return json.loads(path.read_text()), reread


# Saving and loading


def test_a_run_reads_back(tmp_path):
    """What save_run writes, load_run returns, from the folder and from the file; the folder holds nothing else."""
    run = a_run()
    save_run(tmp_path, run)
    assert load_run(tmp_path) == run
    assert load_run(tmp_path / "run.json") == run
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_saving_again_replaces(tmp_path):
    """The second run stands in the place of the first."""
    save_run(tmp_path, a_run())
    save_run(tmp_path, a_run(stable=True))
    assert load_run(tmp_path).stable
    assert len(list(tmp_path.iterdir())) == 1


def test_run_json_is_plain_json_that_others_may_read(tmp_path):
    """It ends with a line end, others may read it, letters come back, and numbers are stored exactly."""
    save_run(tmp_path, a_run(cells=[a_cell(median_s=0.1 + 0.2)]))
    text = (tmp_path / "run.json").read_text("utf-8")
    assert json.loads(text)["machine"]["cpu"]["model"] == "é ü 中"
    assert text.endswith("}\n")
    assert json.loads(text)["cells"][0]["median_s"] == 0.1 + 0.2
    assert json.loads(text)["schema"] == records.SCHEMA
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", ["median_s", "plan", "samples_s"])
def test_what_json_does_not_have_is_refused(tmp_path, place, value):
    """NaN and infinity anywhere in a run are a ValueError, and the run saved before is whole."""
    save_run(tmp_path, a_run())
    if place == "plan":
        run = a_run(plan={"deep": [{"inside": value}]})
    else:
        run = a_run(cells=[a_cell(**{place: [value] if place == "samples_s" else value})])
    with pytest.raises(ValueError, match="JSON"):
        save_run(tmp_path, run)
    assert load_run(tmp_path) == a_run()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_that_is_no_utf_8_is_saved(tmp_path):
    """A file name with stray bytes, as Linux allows in the command line, does not lose the run at its end."""
    run = a_run(command="gdbench run -b " + os.fsdecode(b"caf\xe9.py"))
    save_run(tmp_path, run)
    assert load_run(tmp_path).command.startswith("gdbench run -b caf")


# What is no run


def test_nothing_there(tmp_path):
    """No file, no folder, and a folder without run.json: the message says what is allowed."""
    for where in tmp_path, tmp_path / "none", tmp_path / "none" / "run.json":
        with pytest.raises(UnreadableRun, match=r"found no run\.json; allowed: the folder of a run"):
            load_run(where)


def test_other_things_in_its_place(tmp_path):
    """A directory named run.json, a path through a file, a name too long for the system."""
    (tmp_path / "run.json").mkdir()
    (tmp_path / "file").write_text("")
    for where in tmp_path, tmp_path / "file" / "run.json":
        with pytest.raises(UnreadableRun, match="cannot be read as a run"):
            load_run(where)
    with pytest.raises(UnreadableRun):
        load_run(tmp_path / ("x" * 5000))


def test_truncated_anywhere(saved):
    """A file cut off at any byte, in the middle of a letter as well, is unreadable and says so."""
    document, reread = saved
    content = json.dumps(document, ensure_ascii=False).encode()
    assert "é".encode() in content
    for length in range(len(content)):
        with pytest.raises(UnreadableRun, match=r"run\.json: "):
            reread(content[:length])
    assert reread(content) == a_run()


def test_any_byte_damaged(saved):
    """With one byte changed it is either still a run or UnreadableRun, never another exception."""
    document, reread = saved
    content = json.dumps(document, ensure_ascii=False).encode()
    refused = 0
    for place in range(len(content)):
        for byte in b'"9\xff':
            try:
                reread(content[:place] + bytes([byte]) + content[place + 1 :])
            except UnreadableRun:
                refused += 1
    assert refused > len(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read as a run"),
        ("[]", "is no run: it has no schema number"),
        ("null", "is no run"),
        ("42", "is no run"),
        ('"run"', "is no run"),
        ("{}", "is no run: it has no schema number"),
        ('{"schema": "1"}', "is no run: it has no schema number"),
        ('{"schema": 1.0}', "is no run: it has no schema number"),
        ('{"schema": 4}', r"found schema 4; allowed: 1 to 3 \(a newer gdbench may read it\)"),
        ('{"schema": 99, "anything": [1]}', "found schema 99; allowed: 1"),
        ('{"schema": 0}', r"found schema 0; allowed: 1 to 3$"),
        ('{"schema": 1}', "is no valid run: Object missing required field"),
        ('{"schema": true}', "is no"),
        ('{"schema": 1, "schema": 1}', "found a key twice"),
        ('{"schema": 1, "plan": {"a": [{"b": 1, "b": 2}]}}', "found a key twice"),
        ('{"schema": 1, "x": NaN}', "found .*NaN, which is no"),
        ('{"schema": 1, "x": [Infinity]}', "found .*Infinity"),
        ('{"schema": 1, "x": {"y": -Infinity}}', "found .*-Infinity"),
        ('{"schema": 1, "x": ' + "9" * 5000 + "}", "cannot be read as a run"),
        ("[" * 100_000, "cannot be read as a run"),
        ('{"schema": 1, "plan": ' + '{"a":' * 100_000 + "1" + "}" * 100_001, "cannot be read as a run"),
        (b"\x80\x04K\x01.", "cannot be read as a run"),
        (b"\xff\xfe{\x00}\x00", "cannot be read as a run"),
        ("{} {}", "cannot be read as a run"),
    ],
    ids=range(24),
)
def test_what_is_no_run_is_refused(saved, content, message):
    """Not JSON, not an object, no or another schema, NaN tokens, keys twice, deep nesting: refused with the reason."""
    with pytest.raises(UnreadableRun, match=message):
        saved[1](content)


@pytest.mark.parametrize("depth", [10, 500, 900, 950, 960, 970, 980, 990, 1000, 10_000])
def test_nesting_of_any_depth(saved, depth):
    """A plan nested this deep is either read or refused; the limit of the interpreter is no crash."""
    document, reread = saved
    text = json.dumps(document | {"plan": {"deep": "HERE"}}).replace('"HERE"', "[" * depth + "]" * depth)
    if depth <= 500:
        reread(text)
    elif depth <= 1000:
        with contextlib.suppress(UnreadableRun):
            reread(text)
    else:
        with pytest.raises(UnreadableRun):
            reread(text)


def test_a_number_too_large_for_a_float_is_refused(saved):
    """1e999 reads as infinity, which no run can hold: refused like the token Infinity."""
    document, reread = saved
    document["cells"][0]["median_s"] = "HERE"
    with pytest.raises(UnreadableRun, match=r"found .*1e999"):
        reread(json.dumps(document).replace('"HERE"', "1e999"))


CHANGES = {
    "cells is an object": lambda d: d.update(cells={}),
    "a cell is a list": lambda d: d["cells"].append([]),
    "stable is a number": lambda d: d.update(stable=1),
    "stable is null": lambda d: d.update(stable=None),
    "reasons hold a number": lambda d: d.update(reasons=[1]),
    "created is missing": lambda d: d.pop("created"),
    "an unknown key": lambda d: d.update(extra=1),
    "an unknown key in a cell": lambda d: d["cells"][0].update(extra=1),
    "an unknown key in an error": lambda d: d["cells"][0]["error"].update(extra=1),
    "an unknown status": lambda d: d["cells"][0].update(status="fine"),
    "n_samples is a text": lambda d: d["cells"][0].update(n_samples="100"),
    "n_samples is a fraction": lambda d: d["cells"][0].update(n_samples=100.5),
    "samples hold a text": lambda d: d["cells"][0].update(samples_s=["fast"]),
    "problem is null": lambda d: d["cells"][0].update(problem=None),
    "problem without digest": lambda d: d["cells"][0]["problem"].pop("digest"),
    "pays back sometimes": lambda d: d["cells"][0]["ledger"].update(break_even_calls="sometimes"),
    "a block without order": lambda d: d["blocks"][0].pop("order"),
    "plan is a list": lambda d: d.update(plan=[]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_wrong_types_and_unknown_keys_are_refused(saved, change):
    """The message names the place in the document."""
    document, reread = saved
    CHANGES[change](document)
    with pytest.raises(UnreadableRun, match=r"is no valid run: .*(at `\$|field `)"):
        reread(document)


# The status of a cell


def test_the_worst_status_is_shown():
    """One wrong block and the cell is wrong; ok only where every block is."""
    assert worst_status(["ok", "wrong", "crashed", "ok"]) == "wrong"
    assert worst_status(["ok", "timeout", "failed"]) == "timeout"
    assert worst_status(["skipped", "ok"]) == "skipped"
    assert worst_status(["ok", "ok"]) == "ok"


def test_every_status_has_its_severity():
    """The list from worst to ok names each status once."""
    assert sorted(SEVERITY) == sorted(get_args(records.Status))
    assert (SEVERITY[0], SEVERITY[-1]) == ("wrong", "ok")


# Schemas


GOLDEN = Path(__file__).parent / "golden"
KINDS = {"run.json": Run, "plan.json": RunManifest, "journal.jsonl": CellSample, "blocks.jsonl": Block}


def of_schema(number, name):
    """The records in a golden file of a schema."""
    text = (GOLDEN / str(number) / name).read_text("utf-8")
    return [records.decode(part, KINDS[name], name) for part in (text.splitlines() if "jsonl" in name else [text])]


def holds(now, before):
    """Whether `now` has all that `before` has; it may have more fields."""
    if isinstance(before, dict):
        return isinstance(now, dict) and all(key in now and holds(now[key], before[key]) for key in before)
    if isinstance(before, list):
        return len(now) == len(before) and all(map(holds, now, before))
    return now == before


@pytest.mark.parametrize("number", range(1, records.SCHEMA + 1))
def test_a_run_of_every_schema_is_read(number):
    """The golden run of each schema that there ever was loads, brought up to date, with all that it held."""
    (run,) = of_schema(number, "run.json")
    assert run.schema == records.SCHEMA
    before = json.loads((GOLDEN / str(number) / "run.json").read_text())
    assert before["schema"] == number
    now = msgspec.to_builtins(run)
    assert holds(now | {"schema": number}, before)


@pytest.mark.parametrize("name", KINDS)
def test_the_newest_golden_files_have_every_field(name):
    """Whoever adds, renames or drops a field of a record meets this test: it needs a new schema with a migration."""
    data = [msgspec.to_builtins(record) for record in of_schema(records.SCHEMA, name)]
    text = (GOLDEN / str(records.SCHEMA) / name).read_text()
    raw = [json.loads(part) for part in (text.splitlines() if "jsonl" in name else [text])]
    assert raw == data, "bench/records.py: a field has changed, so SCHEMA must change, too"


def test_the_schemas_are_a_chain():
    """From every older schema there is one step to the next."""
    assert sorted(records.MIGRATIONS) == list(range(1, records.SCHEMA))


def test_a_run_that_was_stopped_says_how_to_go_on(tmp_path):
    """A folder with a plan and no run.json is no riddle."""
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(UnreadableRun, match=rf"gdbench run --resume {tmp_path} completes it"):
        load_run(tmp_path)
