"""A truncated, damaged or hostile run folder is refused in one line with exit 6, or shown without harm."""

import copy
import io
import json
import math
import os
import random
import re
import signal
import socket
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from helpers import sample_run
from rich.console import Console
from test_report import Page

from bench import cli, records
from bench.analysis.compare import compare
from bench.analysis.roofline import rooflines
from bench.records import Run, save_run
from bench.report import comparison_view, html, markdown, terminal
from bench.report.document import report_of
from bench.report.plots import canvas, figures

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")  # all except the line feed
VERBS = (("report", "bad"), ("compare", "bad", "good"), ("compare", "good", "bad"))
STARTS = ("subprocess", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.con", "pickle", "webbrowser")
SHAPES = {"svg", "defs", "pattern", "style", "g", "path", "use", "clipPath", "rect", "image"}
SHAPES |= {"metadata", "RDF", "Work", "type", "Agent", "title", "creator", "format"}
TEXTS = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "--><!--", "../../../../tmp/evil", "\x1b]0;x\x07\x1b[2J",
    r"$\frac{1}{$", "javascript:alert(1)", "{{7*7}}", "</style>", "{% include '/etc/passwd' %}", "/etc/passwd", "\ud800",
    "a\0\x07\x08\x7f\x9b31mb", "\u202egpj", "x" * 100_000, "%s%n {0} {self.__class__}", "@import url(http://evil/x.css);",
    "![x](http://evil/x.png)", "]]><svg onload=alert(1)>",
)  # fmt: skip
VALUES = (
    0, -1, 1, -0.0, 0.5, 1e308, 5e-324, 2**63 - 1, 10**400, 10**4000, 10**9, 10**15, True, None, "", "never", [], {},
    [[]], [None], ["x"], {"a": None}, {"a": [{"b": {}}]}, [1, 2, 3], [1e308] * 12, [5e-324] * 12, [5e-324, 1e308] * 5,
)  # fmt: skip
INCONSISTENT = {
    "one cell twice": lambda d: d["cells"].extend(d["cells"]),
    "more samples than blocks": lambda d: [c.update(samples_s=[0.1] * 100) for c in d["cells"]],
    "ok without samples": lambda d: [c.update(samples_s=[], status="ok") for c in d["cells"]],
    "samples of None": lambda d: [c.update(samples_s=[None] * 10) for c in d["cells"]],
    "times without a median": lambda d: [c.update(median_s=None) for c in d["cells"]],
    "reversed intervals": lambda d: [c.update(ci_low_s=9.0, ci_high_s=1e-9) for c in d["cells"]],
    "reversed speed-ups": lambda d: [s.update(ci_low=9.0, ci_high=1e-9) for c in d["cells"] for s in c["speedup"]],
    "only controls": lambda d: [c.update(control=True) for c in d["cells"]],
    "only other algorithms": lambda d: [c.update(algorithm="x") for c in d["cells"]],
    "unknown workers": lambda d: d["blocks"][0].update(order=["?"], cells={"!": ["?"]}, threads_seen={"*": {}}),
    "empty sentinels": lambda d: [b.update(sentinels={"arithmetic": []}) for b in d["blocks"]],
    "no machine, plan and blocks": lambda d: d.update(machine={}, plan={}, blocks=[], roofline=[], reasons=[]),
    "a billion threads": lambda d: [c.update(threads=10**9, n_samples=10**15, n_features=10**15) for c in d["cells"]],
    "no cells": lambda d: d.update(cells=[]),
    "many names": lambda d: d.update(cells=[d["cells"][0] | {"backend": f"b{i}"} for i in range(30)]),
}


def valid_run() -> Run:
    """A run with a baseline and its control, a judged cell, another algorithm, a missing cell, a flag and blocks."""
    cells = [sample_run.cell("numpy_vectorized", 100, 1e-6, blocks=10, control=twin) for twin in (False, True)]
    cells.append(sample_run.cell("slow", 100, status="skipped", detail="too\nlong", predicted_s=9.0))
    cells.append(sample_run.cell("qr", 100, 1e-8, blocks=10, algorithm="QR", flags=["noisy: 12 %"]))
    cells.append(sample_run.cell("numba_jit", 100, 6e-7, blocks=10, cold_costs=sample_run.COLD["numba_jit"]))
    machine = copy.deepcopy(sample_run.MACHINE) | {"python": "CPython 3.11.7"}
    run = sample_run.run(cells, machine=machine, reasons=["a reason"])
    run.blocks = sample_run.sentinels(10, arithmetic=1e-3, memory=2e-3)
    run.blocks[0].order, run.blocks[0].cells = ["numba_jit"], {"numba_jit": ["numba_jit-100"]}
    run.blocks[0].threads_seen = {"numba_jit": {"processors": 1}}
    for block in run.blocks:
        block.reads = {"8800": 200.0}
    run.roofline = rooflines(run.cells, run.blocks, machine)
    return run


GOOD = valid_run()
TEXT = json.dumps(msgspec.to_builtins(GOOD))
DOCUMENT = json.loads(TEXT)


def paths_in(node, at=()):
    """The path of each value and each branch of a document. Of a list other than the cells, only the first two items."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node if at == ("cells",) else node[:2]):
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from paths_in(value, (*at, key))


def at_value(path, node):
    for step in path:
        node = node[step]
    return node


def make_run(*changes):
    """The run with these (path, value), or None if the schema refuses them."""
    document = json.loads(TEXT)
    for path, value in changes:
        at_value(path[:-1], document)[path[-1]] = value
    try:
        return msgspec.convert(document, Run)
    except msgspec.ValidationError:
        return None


def fields(*kinds):
    return [at for at in paths_in(DOCUMENT) if type(at_value(at, DOCUMENT)) in kinds and at != ("schema",)]


def show(run, level=0):
    """[terminal, Markdown, pages] of all verbs. level: 0 no figures, 1 draw them, 2 render them, too."""
    out = io.StringIO()
    terminal.write(report_of(run), Console(file=out, width=80))
    drawn = figures.draw_run(run) if level else {}
    for drawing in drawn.values() if level > 1 else ():
        canvas.render(drawing.figure)
    report = report_of(run, {stem: (drawing, b"") for stem, drawing in drawn.items()})
    pages = [html.write(report)]
    for base, new in (GOOD, run), (run, GOOD):
        comparison = compare(base, new, frozenset({"versions", "cpu"}))
        terminal.write(comparison_view.report_of(comparison), Console(file=out, width=80))
        pages.append(comparison_view.html(comparison))
        json.dumps(msgspec.to_builtins(comparison), allow_nan=False)
    return [out.getvalue(), markdown.write(report), *pages]


def failures(cases):
    """The cases ((path, value), …, level) that the schema allows and that raise in show()."""
    errors = []
    for *changes, level in cases:
        if (run := make_run(*changes)) is not None:
            try:
                show(run, level)
            except Exception as error:
                errors.append((changes[0][0], repr(changes[0][1])[:40], repr(error)[:200]))
    return errors


class Hang(BaseException):
    """A verb exceeds its time limit."""


EVENTS: list = []
FOLDER: list[Path] = []  # the folder into which a verb may write, while it runs


def record_event(event, arguments):
    """Record files opened for writing outside of FOLDER, programs, connections and pickles."""
    if FOLDER and event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        where = FOLDER[0] if isinstance(arguments[0], int) else Path(os.fsdecode(arguments[0])).resolve()
        if not where.is_relative_to(FOLDER[0]):
            EVENTS.append((event, where))
    elif FOLDER and event.startswith(STARTS):
        EVENTS.append((event, arguments))


sys.addaudithook(record_event)


@pytest.fixture
def with_figures():
    """Whether figures are rendered, which is slow. A test sets it with parametrize."""
    return False


@pytest.fixture
def folder(tmp_path, monkeypatch, with_figures):
    """A folder with good/run.json and bad/run.json. A test replaces the latter."""
    if not with_figures:
        monkeypatch.setattr(canvas, "render", lambda figure: b"<svg/>")
    for name in "good", "bad":
        (tmp_path / name).mkdir()
        save_run(tmp_path / name, GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gdbench(folder, monkeypatch, capsys):
    """Run a verb. Return (exit code, output, errors). It must end, write only into `bad`, and start no program."""

    def hang(*_):
        raise Hang

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["gdbench", *map(str, words)])
        numbers = signal.SIGTERM, signal.SIGHUP, signal.SIGALRM
        handlers = [signal.getsignal(number) for number in numbers]
        signal.signal(signal.SIGALRM, hang)
        EVENTS.clear()
        FOLDER.append((folder / "bad").resolve())
        signal.setitimer(signal.ITIMER_REAL, 20)
        try:
            with pytest.raises(SystemExit) as exit_info:
                cli.main()  # warnings are errors, see pyproject.toml
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            FOLDER.clear()
            list(map(signal.signal, numbers, handlers))
        out, err = capsys.readouterr()
        assert not EVENTS
        assert not CONTROL.search(out + err)
        assert err.count("\n") <= 1 and len(err) < 2000
        return exit_info.value.code, out, err

    return run


def assert_refused(gdbench, message="", verbs=VERBS):
    """Each verb exits with 6, prints one line with the name of the file, and writes nothing."""
    before = sorted(Path().rglob("*"))
    for words in verbs:
        code, out, err = gdbench(*words)
        assert (code, out) == (6, "") and re.fullmatch(rf"gdbench: bad.*{message}.*\n", err), (words, code, err)
    assert sorted(Path().rglob("*")) == before


# Files


def test_valid_run_is_accepted(gdbench):
    """The other tests change only this run. The audit hook detects a write to another folder."""
    assert [gdbench(*words)[0] for words in VERBS] == [0, 0, 0]
    with pytest.raises(AssertionError):
        gdbench("report", "good")


def test_truncated_file_and_flipped_bits(gdbench, folder):
    """A truncated run.json is refused. With one flipped bit it is refused or compared."""
    noise, path = random.Random(1), folder / "bad" / "run.json"
    content = path.read_bytes().rstrip()
    for length in [0, 1, 2, 3, len(content) - 1, *noise.sample(range(len(content)), 40)]:
        path.write_bytes(content[:length])
        assert_refused(gdbench)
    codes = set()
    for number in range(100):
        place, bit = noise.randrange(len(content)), 1 << noise.randrange(8)
        path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
        codes |= {gdbench(*words)[0] for words in VERBS[0 if number < 9 else 1 :]}
    assert {0, 6} < codes | {4} <= {0, 1, 3, 4, 5, 6}


@pytest.mark.parametrize(
    "content",
    [
        b"", b" ", b"null", b"[]", b"1", b'"run"', b"{}", bytes(range(256)) * 40, b"\x80\x04K\x01.", b"\x1f\x8b\x08", b"\0" * 9999,
        b"\xef\xbb\xbf" + TEXT.encode(), TEXT.encode("utf-16"), TEXT.encode("utf-32"), b"[" * 10**6, b'{"a":' * 10**5,
        TEXT.replace('"plan": {', '"plan": {"a": ' + "[" * 10**5 + "]" * 10**5 + ", ").encode(), (TEXT + TEXT).encode(),
        TEXT.replace('"schema": ', '"schema": 9').encode(), TEXT.replace('"schema": ', '"schema": -').encode(),
        TEXT.replace("{", '{"\\u001b[31m\\u202e' + "y" * 9999 + '": 1, ', 1).encode(),
        TEXT.replace('"n_iter": ', '"n_iter": ' + "9" * 5000).encode(), TEXT.replace('"n_iter": ', '"n_iter": 1e999').encode(),
    ],
    ids=range(23),
)  # fmt: skip
def test_invalid_content_is_refused(gdbench, folder, content):
    """No JSON, no object, no UTF-8, deep nesting, another schema, unknown keys, too many digits."""
    (folder / "bad" / "run.json").write_bytes(content)
    assert_refused(gdbench)


def test_nan_infinity_and_duplicate_keys_are_refused(gdbench, folder):
    """NaN or infinity for any number, and a duplicate of any first key."""
    for number, path in enumerate(random.Random(3).sample(fields(int, float), 20)):
        document = json.loads(TEXT)
        at_value(path[:-1], document)[path[-1]] = (math.nan, math.inf, -math.inf)[number % 3]
        (folder / "bad" / "run.json").write_text(json.dumps(document))
        assert_refused(gdbench, "not a JSON number")
    for match in list(re.finditer(r'{("[^"]*": )', TEXT))[::4]:
        (folder / "bad" / "run.json").write_text(TEXT[: match.end()] + "0, " + match[1] + TEXT[match.end() :])
        assert_refused(gdbench, "a key twice")


@pytest.mark.parametrize("kind", ["fifo", "socket", "loop", "zero", "folder", "sparse", "secret", "gone"])
def test_special_files_are_refused(gdbench, folder, kind):
    """A pipe, a socket, a link to itself or to a device, a folder, 8 GiB of zeros, no permission, no file."""
    path = folder / "bad" / "run.json"
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("bad/run.json")
    elif kind in ("loop", "zero"):
        path.symlink_to(path if kind == "loop" else "/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        path.touch()
        os.truncate(path, 8 << 30)
    elif kind == "secret":
        path.write_text(TEXT)
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("the user can read all files")
    messages = {"fifo": "not a regular file", "zero": "not a regular file", "sparse": "MiB; allowed"}
    assert_refused(gdbench, messages.get(kind, ""))


def test_report_does_not_follow_links(gdbench, folder):
    """A link in the place of the figures is refused, and one in the place of a page is replaced."""
    (folder / "out").mkdir()
    (folder / "out" / "page").write_text("mine")
    for name in "report.md", "report.html":
        (folder / "bad" / name).symlink_to(folder / "out" / "page")
    (folder / "bad" / "figures").symlink_to(folder / "out")
    assert_refused(gdbench, "found a symbolic link", VERBS[:1])
    (folder / "bad" / "figures").unlink()
    assert gdbench("report", "bad")[0] == 0
    assert [(path.name, path.read_text()) for path in (folder / "out").iterdir()] == [("page", "mine")]


def test_control_codes_of_a_folder_name_are_not_printed(gdbench, folder):
    """The fixture checks the output for a readable and for an unreadable run."""
    evil = folder / "bad" / "\x1b]0;x\x07\x1b[2J\u202e"
    evil.mkdir()
    save_run(evil, GOOD)
    assert [gdbench("report", evil)[0], gdbench("compare", evil, "good")[0]] == [0, 0]
    (evil / "run.json").write_text("{")
    assert [gdbench("report", evil)[0], gdbench("compare", evil, "good")[0]] == [6, 6]


# Inconsistent runs and extreme values


@pytest.mark.parametrize("fault", INCONSISTENT)
def test_inconsistent_run(gdbench, folder, fault):
    """A run that the schema allows but that cannot exist is refused, or reported and compared."""
    document = json.loads(TEXT)
    INCONSISTENT[fault](document)
    (folder / "bad" / "run.json").write_text(json.dumps(document))
    codes = [gdbench(*words)[0] for words in VERBS]
    assert codes[0] in (0, 6) and set(codes) <= {0, 1, 3, 4, 5, 6}


@pytest.mark.parametrize("depth", [20, 200, 600, 900])
def test_deep_nesting(gdbench, folder, depth):
    """A deeply nested plan and machine are refused or shown."""
    deep = '{"a": [' * (depth // 2) + "]}" * (depth // 2)
    text = TEXT.replace('"plan": {', f'"plan": {{"a": {deep}, ').replace('"python": ', f'"python": {deep}, "x": ')
    (folder / "bad" / "run.json").write_text(text)
    assert {gdbench(*words)[0] for words in VERBS} <= {0, 6}


@pytest.mark.parametrize("every", [299, pytest.param(29, marks=pytest.mark.slow)])
def test_any_value_at_any_path(every):
    """Each run with one changed value that the schema allows is shown and compared. Some are drawn."""
    noise = random.Random(4)
    cases = [((at, value), noise.choices((0, 1, 2), (95, 4, 1))[0]) for at in paths_in(DOCUMENT) for value in VALUES]
    noise.shuffle(cases)
    assert not failures(cases[::every])


@pytest.mark.parametrize("every", [20, pytest.param(2, marks=pytest.mark.slow)])
def test_extreme_numbers(every):
    """All numbers of one name, or all numbers, are tiny or huge. The run is shown, compared and drawn."""
    named: dict = {}
    for at in fields(int, float):
        name = next(step for step in reversed(at) if isinstance(step, str))
        for value in (1e308, 5e-324, 2**63 - 1, 10**400):
            if make_run((at, value)) is not None:
                named.setdefault((name, value), []).append((at, value))
                named.setdefault(("all", value), []).append((at, value))
    drawn = ("all", "per_iteration_s", "ci_high_s")
    cases = [(*changes, 2 * (name in drawn and every == 2)) for (name, _), changes in named.items()]
    assert not failures([case for index, case in enumerate(cases) if index % every == 0])


# Texts


def elements(source):
    """The elements, addresses, event handlers and styles of a page."""
    assert "<!--" not in source
    page = Page(source)
    style = re.findall("<style>.*?</style>", source, re.DOTALL)
    loads = {re.sub("[0-9]+|(?<=,).*", "", address) for address in page.loads}
    return Counter(page.tags), loads, page.handlers, style


FREE = [path for path in fields(str) if make_run((path, "x")) is not None]


def with_text(words):
    """The run with these words as each free text, and as keys."""
    run = make_run(*((path, words) for path in FREE))
    run.machine |= {words: {words: [words, {words: None}]}}
    run.plan |= {words: words}
    return run


def assert_harmless(texts, plain):
    """No control codes and no markup. Each page has the elements, addresses and styles of the plain page."""
    assert not CONTROL.search("".join(texts))
    bare = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)|\\.", "", texts[1])
    assert not re.search(r"<|\]\(|[`$]", bare)
    assert list(map(elements, texts[2:])) == list(map(elements, plain[2:]))


@pytest.mark.parametrize("every", [10, pytest.param(2, marks=pytest.mark.slow)])
def test_hostile_texts_are_text(monkeypatch, every):
    """All hostile texts together at any one path, and each of them at all paths."""
    monkeypatch.setattr(records, "MAX_EMBEDDED", 10**9)  # long texts would exceed the limit
    paths = [at for at in FREE if at[:2] not in (("cells", 1), ("cells", 3), ("blocks", 1))]
    for at in paths[::every]:
        assert_harmless(show(make_run((at, " ".join(TEXTS)))), show(make_run((at, "words"))))
    plain = show(with_text("words"))
    for words in TEXTS[::every]:
        assert_harmless(show(with_text(words)), plain)


@pytest.mark.parametrize("words", [TEXTS[0], *(pytest.param(text, marks=pytest.mark.slow) for text in TEXTS[1:6])])
@pytest.mark.parametrize("with_figures", [True])
def test_files_of_a_run_with_hostile_texts(gdbench, folder, words):
    """The folder has all files, the page loads nothing, and the figures contain only shapes."""
    save_run(folder / "bad", with_text(words))
    assert [gdbench(*verb)[0] for verb in VERBS] == [0, 6, 6]
    _, loads, handlers, _ = elements((folder / "bad" / "report.html").read_text("utf-8"))
    chapters = {"#answer", "#speed", "#first-answer", "#limits", "#correctness", "#method-and-data"}
    assert not handlers
    assert loads == chapters | {"data:image/svg+xml;base,"}
    names = [path.name for path in (folder / "bad").iterdir()]
    assert sorted(names) == ["figures", "report.html", "report.md", "run.json"]
    sources = [path.read_text("utf-8") for path in (folder / "bad" / "figures").glob("*.svg")]
    assert len(sources) == 7
    for source in sources:
        nodes = list(ElementTree.fromstring(source).iter())
        assert {node.tag.split("}")[1] for node in nodes} <= SHAPES
        values = [value for node in nodes for name, value in node.attrib.items() if "href" in name or "url(" in value]
        assert all(re.match(r"#|url\(#|http://purl|(clip-path|fill): url\(#", value) for value in values), values
