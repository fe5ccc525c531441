"""run.json: a saved run loads unchanged, an unreadable file is refused with a reason, and old schemas are migrated."""

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
)


def make_cell(**fields):
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


def make_roofline():
    attainment = Attainment(
        backend="mine", pass_s=1e-6, gb_per_s=8.8, gflop_per_s=4.3, share=0.1, share_ci_low=None, share_ci_high=None,
        overhead_s=1e-7, limit_s=1e-7, bottleneck="arithmetic",
    )  # fmt: skip
    return ProblemRoofline(
        threads=1, dtype="float64", problem="synthetic", n_samples=100, n_features=10, bytes=8800, operations=4300,
        read_gb_per_s=88.0, read_ci_low=80.0, read_ci_high=90.0, peak_gflop_per_s=None, ridge=None, limit_s=1e-7,
        limited_by="bandwidth", backends=[attainment],
    )  # fmt: skip


def make_run(**fields):
    block = Block(
        index=0, threads=1, order=["mine"], cells={"mine": ["mine-1"]}, hash_seed=2**32 - 1, padding_bytes=4095,
        started="now", seconds=1.5,
    )  # fmt: skip
    defaults = {
        "created": "2024-01-01T00:00:00+00:00", "command": "gdbench run", "plan": {"mode": "quick", "sizes": [1, 2]},
        "machine": {"cpu": {"model": "é ü 中"}}, "blocks": [block], "roofline": [make_roofline()], "stable": False,
        "reasons": ["it was noisy"], "cells": [make_cell(), make_cell(status="skipped", samples_s=[], median_s=None, predicted_s=12.5)],
    }  # fmt: skip
    return Run(**defaults | fields)


@pytest.fixture
def saved(tmp_path):
    """The JSON document of a saved run, and a function that writes a document or text and loads it as a run."""
    save_run(tmp_path, make_run())
    path = tmp_path / "run.json"

    def reread(content):
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_run(tmp_path)

    return json.loads(path.read_text()), reread


# Saving and loading


def test_a_saved_run_loads_unchanged(tmp_path):
    """load_run takes the folder or the file. The folder has no other file."""
    run = make_run()
    save_run(tmp_path, run)
    assert load_run(tmp_path) == run
    assert load_run(tmp_path / "run.json") == run
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_saving_replaces_the_run(tmp_path):
    """A second run in the same folder replaces the first."""
    save_run(tmp_path, make_run())
    save_run(tmp_path, make_run(stable=True))
    assert load_run(tmp_path).stable
    assert len(list(tmp_path.iterdir())) == 1


def test_run_json_is_readable_and_exact(tmp_path):
    """It has mode 644, text in UTF-8, exact numbers and a final line end."""
    save_run(tmp_path, make_run(cells=[make_cell(median_s=0.1 + 0.2)]))
    text = (tmp_path / "run.json").read_text("utf-8")
    assert json.loads(text)["machine"]["cpu"]["model"] == "é ü 中"
    assert text.endswith("}\n")
    assert json.loads(text)["cells"][0]["median_s"] == 0.1 + 0.2
    assert json.loads(text)["schema"] == records.SCHEMA
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", ["median_s", "plan", "samples_s"])
def test_a_run_with_nan_or_infinity_is_not_saved(tmp_path, place, value):
    """JSON has neither: save_run raises ValueError, and the previous run is unchanged."""
    save_run(tmp_path, make_run())
    if place == "plan":
        run = make_run(plan={"deep": [{"inside": value}]})
    else:
        run = make_run(cells=[make_cell(**{place: [value] if place == "samples_s" else value})])
    with pytest.raises(ValueError, match="JSON"):
        save_run(tmp_path, run)
    assert load_run(tmp_path) == make_run()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_command_that_is_not_utf_8_is_saved(tmp_path):
    """Linux allows any bytes in a file name on the command line."""
    run = make_run(command="gdbench run -b " + os.fsdecode(b"caf\xe9.py"))
    save_run(tmp_path, run)
    assert load_run(tmp_path).command.startswith("gdbench run -b caf")


# Unreadable files


@pytest.mark.parametrize("name", ["", "none", "none/run.json"])
def test_a_missing_run_is_unreadable(tmp_path, name):
    """The path is a folder without run.json or does not exist; the message says what is allowed."""
    with pytest.raises(UnreadableRun, match=r"found no run\.json; allowed: the folder of a run"):
        load_run(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "cannot be read as a run"), ("file/run.json", "cannot be read as a run"), ("x" * 5000, None)],
    ids=["run.json is a directory", "a path through a file", "a name that is too long"],
)
def test_a_path_that_cannot_be_read_is_unreadable(tmp_path, name, message):
    """load_run raises UnreadableRun and no OSError."""
    (tmp_path / "run.json").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreadableRun, match=message):
        load_run(tmp_path / name)


def test_a_truncated_run_is_unreadable(saved):
    """This holds for every length, also in the middle of a character."""
    document, reread = saved
    content = json.dumps(document, ensure_ascii=False).encode()
    assert "é".encode() in content
    for length in range(len(content)):
        with pytest.raises(UnreadableRun, match=r"run\.json: "):
            reread(content[:length])
    assert reread(content) == make_run()


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_with_a_changed_byte_loads_or_is_unreadable(saved, every):
    """No changed byte raises another exception. The fast test makes every fourth change."""
    document, reread = saved
    content = json.dumps(document, ensure_ascii=False).encode()
    changes = [(place, byte) for place in range(len(content)) for byte in b'"9\xff'][::every]
    refused = 0
    for place, byte in changes:
        try:
            reread(content[:place] + bytes([byte]) + content[place + 1 :])
        except UnreadableRun:
            refused += 1
    assert refused > len(changes) / 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read as a run"),
        ("[]", "is not a run: it has no schema number"),
        ("null", "is not a run"),
        ("42", "is not a run"),
        ('"run"', "is not a run"),
        ("{}", "is not a run: it has no schema number"),
        ('{"schema": "1"}', "is not a run: it has no schema number"),
        ('{"schema": 1.0}', "is not a run: it has no schema number"),
        ('{"schema": 4}', r"found schema 4; allowed: 1 to 3 \(a newer gdbench may read it\)"),
        ('{"schema": 99, "anything": [1]}', "found schema 99; allowed: 1"),
        ('{"schema": 0}', r"found schema 0; allowed: 1 to 3$"),
        ('{"schema": 1}', "is not a valid run: Object missing required field"),
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
def test_a_file_that_is_no_run_is_unreadable(saved, content, message):
    """Not JSON, not an object, a wrong schema, NaN tokens, duplicate keys and deep nesting have their reasons."""
    with pytest.raises(UnreadableRun, match=message):
        saved[1](content)


@pytest.mark.parametrize("depth", [10, 500, 900, 950, 960, 970, 980, 990, 1000, 10_000])
def test_a_nested_plan_loads_or_is_unreadable(saved, depth):
    """The recursion limit of the interpreter raises no other exception."""
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


def test_a_number_that_is_too_large_for_a_float_is_refused(saved):
    """Python's json reads 1e999 as infinity, which is not allowed in a run."""
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
    """The message has the path in the document."""
    document, reread = saved
    CHANGES[change](document)
    with pytest.raises(UnreadableRun, match=r"is not a valid run: .*(at `\$|field `)"):
        reread(document)


def test_every_status_has_a_severity():
    """SEVERITY has each status once, from wrong to ok."""
    assert sorted(SEVERITY) == sorted(get_args(records.Status))
    assert (SEVERITY[0], SEVERITY[-1]) == ("wrong", "ok")


# Schemas


GOLDEN = Path(__file__).parent / "golden"
KINDS = {"run.json": Run, "plan.json": RunManifest, "journal.jsonl": CellSample, "blocks.jsonl": Block}


def golden_texts(number, name):
    """The JSON documents in a golden file of a schema."""
    text = (GOLDEN / str(number) / name).read_text("utf-8")
    return text.splitlines() if "jsonl" in name else [text]


def contains(document, part):
    """Whether the document has all values of `part`; objects may have more keys."""
    if isinstance(part, dict):
        return isinstance(document, dict) and all(
            key in document and contains(document[key], part[key]) for key in part
        )
    if isinstance(part, list):
        return len(document) == len(part) and all(map(contains, document, part))
    return document == part


@pytest.mark.parametrize("number", range(1, records.SCHEMA + 1))
def test_a_run_of_every_schema_loads(number):
    """A golden run is migrated to the current schema and keeps all of its values."""
    (text,) = golden_texts(number, "run.json")
    run = records.decode(text, Run, "run.json")
    assert run.schema == records.SCHEMA
    document = json.loads(text)
    assert document["schema"] == number
    assert contains(msgspec.to_builtins(run) | {"schema": number}, document)


@pytest.mark.parametrize("name", KINDS)
def test_the_newest_golden_files_have_every_field(name):
    """A new, renamed or removed field of a record needs a new schema with a migration and golden files."""
    for text in golden_texts(records.SCHEMA, name):
        record = records.decode(text, KINDS[name], name)
        assert json.loads(text) == msgspec.to_builtins(record), "a field has changed, so records.SCHEMA must increase"


def test_every_older_schema_has_a_migration():
    """A migration leads from each schema to the next one."""
    assert sorted(records.MIGRATIONS) == list(range(1, records.SCHEMA))


def test_the_message_of_an_interrupted_run_says_how_to_resume(tmp_path):
    """The folder has a plan and no run.json."""
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(UnreadableRun, match=rf"gdbench run --resume {tmp_path} completes it"):
        load_run(tmp_path)


# Limits


def test_a_page_holds_the_run_without_its_curves_from_half_of_the_limit(monkeypatch):
    """Figures need the other half. A run that is still longer than the limit is not embedded."""
    run = make_run(machine={"<b>": "&amp;\x7f"}, cells=[make_cell()])
    monkeypatch.setattr(records, "MAX_EMBEDDED", 10**6)
    whole = records.run_for_page(run)
    assert json.loads(whole) == msgspec.to_builtins(run)
    assert not set("<>&\x7fé\n") & set(whole)
    assert whole.isascii()
    for limit, has_curve in ((2 * len(whole), True), (2 * len(whole) - 2, False)):
        monkeypatch.setattr(records, "MAX_EMBEDDED", limit)
        assert json.loads(records.run_for_page(run))["cells"][0]["error_curve"] == (
            [[0, 1e-16], [1, 2e-16]] if has_curve else None
        )
    shorter = records.run_for_page(run)
    monkeypatch.setattr(records, "MAX_EMBEDDED", len(shorter))
    assert records.run_for_page(run) == shorter
    monkeypatch.setattr(records, "MAX_EMBEDDED", len(shorter) - 1)
    assert records.run_for_page(run) is None
    with pytest.raises(ValueError, match="JSON"):
        records.run_for_page(make_run(plan={"x": math.nan}))


@pytest.mark.parametrize(
    ("cells", "groups", "reason"),
    [
        (5000, 64, None),
        (5001, 1, "found 5001 cells with 1 combinations of dtype, threads and n_features; allowed: up to 5000 and 64"),
        (65, 65, "found 65 cells with 65 combinations of dtype, threads and n_features; allowed: up to 5000 and 64"),
    ],
)
def test_a_report_has_a_largest_number_of_cells_and_tables(cells, groups, reason):
    """Either of them may be too large."""
    assert records.too_many([("float64", 1, number % groups) for number in range(cells)]) == reason


def test_a_run_with_too_many_tables_is_unreadable(tmp_path):
    """Its report would take an hour."""
    save_run(tmp_path, make_run(cells=[make_cell(n_features=d) for d in range(1, 66)]))
    with pytest.raises(UnreadableRun, match=r"run\.json: found 65 cells with 65 combinations"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    ("error", "bound", "share"),
    [
        (0.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (1.0, 4.0, 0.25),
        (3.0, 2.0, 1.5),
        (1.0, 0.0, math.inf),
        (5e-324, 1e300, 5e-324),
    ],
)
def test_an_error_is_a_share_of_its_bound(error, bound, share):
    """A nonzero error is never a share of 0."""
    assert Error(error, bound).share == share


def test_the_sentinels_of_one_number_of_threads_are_in_the_order_of_time():
    """A block without one of them has none of it."""
    blocks = [
        Block(
            index=index, threads=threads, order=[], cells={}, hash_seed=1, padding_bytes=0, started="now",
            sentinels=sentinels,
        )
        for index, threads, sentinels in (
            (0, 1, {"memory": [3.0]}),
            (0, 2, {"memory": [9.0], "arithmetic": [9.0]}),
            (1, 1, {"memory": [1.0, 2.0], "arithmetic": [4.0]}),
        )
    ]  # fmt: skip
    assert records.sentinel_seconds(blocks, 1) == {"memory": [3.0, 1.0, 2.0], "arithmetic": [4.0]}
    assert records.sentinel_seconds(blocks, 3) == {}


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ('<script id="run">{}</script>', 1),
        ("<SCRIPT type=x ID='run' async>{}</SCRIPT>", 1),
        ("<script id=run>{}</script>", 1),
        ('<script id="runs">{}</script>', 0),
        ('<script data="run">{}</script>', 0),
        ("", 0),
        ('<script id="run">{}</script>' * 2, 2),
    ],
)
def test_a_page_has_one_run(tmp_path, script, count):
    """A writer may change the case and the quotes. A page with no run or with two is refused."""
    page = tmp_path / "Report.HTM"
    page.write_text(f"<p>text</p>{script.replace('{}', records.run_for_page(make_run()))}<p>more</p>")
    if count == 1:
        assert load_run(page) == make_run()
    else:
        with pytest.raises(UnreadableRun, match=rf"Report\.HTM: found {count} runs in the page; allowed: one"):
            load_run(page)


@pytest.mark.parametrize("group", [("float32", 1, 10), ("float64", 2, 10), ("float64", 1, 11)])
def test_dtype_threads_and_features_make_a_group(monkeypatch, group):
    """Each is a section of the report."""
    monkeypatch.setattr(records, "MAX_GROUPS", 1)
    assert records.too_many([("float64", 1, 10)] * 2) is None
    assert records.too_many([("float64", 1, 10), group])
