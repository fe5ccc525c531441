"""A run folder that was cut off, damaged or made by an enemy: refused in one line with exit 6, or shown without harm."""

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

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")  # all but the line end
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
LIES = {
    "one cell twice": lambda d: d["cells"].extend(d["cells"]),
    "more samples than blocks": lambda d: [c.update(samples_s=[0.1] * 100) for c in d["cells"]],
    "ok without samples": lambda d: [c.update(samples_s=[], status="ok") for c in d["cells"]],
    "samples of nothing": lambda d: [c.update(samples_s=[None] * 10) for c in d["cells"]],
    "a time without a median": lambda d: [c.update(median_s=None) for c in d["cells"]],
    "intervals upside down": lambda d: [c.update(ci_low_s=9.0, ci_high_s=1e-9) for c in d["cells"]],
    "speed-ups upside down": lambda d: [s.update(ci_low=9.0, ci_high=1e-9) for c in d["cells"] for s in c["speedup"]],
    "only controls": lambda d: [c.update(control=True) for c in d["cells"]],
    "only other algorithms": lambda d: [c.update(algorithm="x") for c in d["cells"]],
    "unknown workers": lambda d: d["blocks"][0].update(order=["?"], cells={"!": ["?"]}, threads_seen={"*": {}}),
    "no sentinel ticks": lambda d: [b.update(sentinels={"arithmetic": []}) for b in d["blocks"]],
    "nothing is known": lambda d: d.update(machine={}, plan={}, blocks=[], roofline=[], reasons=[]),
    "a billion": lambda d: [c.update(threads=10**9, n_samples=10**15, n_features=10**15) for c in d["cells"]],
    "no cell": lambda d: d.update(cells=[]),
    "many names": lambda d: d.update(cells=[d["cells"][0] | {"backend": f"b{i}"} for i in range(30)]),
}


def good() -> Run:
    """Something of each kind: a baseline with its control, a judged cell, another algorithm, a gap, a flag, blocks."""
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


GOOD = good()
TEXT = json.dumps(msgspec.to_builtins(GOOD))
DOCUMENT = json.loads(TEXT)


def places(node, at=()):
    """The path of every value of a document, branches too; but for the cells, of the first two items of a list only."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node if at == ("cells",) else node[:2]):
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from places(value, (*at, key))


def at_value(path, node):
    for step in path:
        node = node[step]
    return node


def changed(*changes_):
    """The run with each (path, value), or None where the schema does not allow that."""
    document = json.loads(TEXT)
    for path, value in changes_:
        at_value(path[:-1], document)[path[-1]] = value
    try:
        return msgspec.convert(document, Run)
    except msgspec.ValidationError:
        return None


def fields(*kinds):
    return [at for at in places(DOCUMENT) if type(at_value(at, DOCUMENT)) in kinds and at != ("schema",)]


def show(run, pictures=0):
    """[terminal, Markdown, pages] of all verbs; pictures: 0 without them, 1 drawn in memory, 2 made into files, too."""
    out = io.StringIO()
    terminal.write(report_of(run), Console(file=out, width=80))
    drawn = figures.draw_run(run) if pictures else {}
    for drawing in drawn.values() if pictures > 1 else ():
        canvas.render(drawing.figure)
    report = report_of(run, {stem: (drawing, b"") for stem, drawing in drawn.items()})
    pages = [html.write(report)]
    for pair in (GOOD, run), (run, GOOD):
        found = compare(pair[0], pair[1], frozenset({"versions", "cpu"}))
        terminal.write(comparison_view.report_of(found), Console(file=out, width=80))
        pages.append(comparison_view.html(found))
        json.dumps(msgspec.to_builtins(found), allow_nan=False)
    return [out.getvalue(), markdown.write(report), *pages]


def failures(cases):
    """Of ((path, value), …, pictures) each whose run the schema allows, and that cannot be shown."""
    found = []
    for *changes_, pictures in cases:
        if (run := changed(*changes_)) is not None:
            try:
                show(run, pictures)
            except Exception as error:
                found.append((changes_[0][0], repr(changes_[0][1])[:40], repr(error)[:200]))
    return found


class Hang(BaseException):
    """A verb takes longer than any honest one."""


SEEN: list = []
INSIDE: list[Path] = []  # while a verb runs, the one folder into which it may write


def watch(event, arguments):
    """Note what a verb does to the world: files opened for writing, programs, connections, pickles."""
    if INSIDE and event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        where = INSIDE[0] if isinstance(arguments[0], int) else Path(os.fsdecode(arguments[0])).resolve()
        if not where.is_relative_to(INSIDE[0]):
            SEEN.append((event, where))
    elif INSIDE and event.startswith(STARTS):
        SEEN.append((event, arguments))


sys.addaudithook(watch)


@pytest.fixture
def pictures(request):
    """Whether figures are made into files, which takes most of the time of a report: a test asks for it by its name."""
    return "files" in request.node.name


@pytest.fixture
def folder(tmp_path, monkeypatch, pictures):
    """Where the verbs run: good/run.json beside bad/run.json, which a test replaces."""
    if not pictures:
        monkeypatch.setattr(canvas, "render", lambda figure: b"<svg/>")
    for name in "good", "bad":
        (tmp_path / name).mkdir()
        save_run(tmp_path / name, GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gdbench(folder, monkeypatch, capsys):
    """Run a verb: (exit code, output, errors). It must end, write into the folder `bad` only, and start nothing."""

    def hang(*_):
        raise Hang

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["gdbench", *map(str, words)])
        numbers = signal.SIGTERM, signal.SIGHUP, signal.SIGALRM
        handlers = [signal.getsignal(number) for number in numbers]
        signal.signal(signal.SIGALRM, hang)
        SEEN.clear()
        INSIDE.append((folder / "bad").resolve())
        signal.setitimer(signal.ITIMER_REAL, 20)
        try:
            with pytest.raises(SystemExit) as ended:
                cli.main()  # a warning is an error here, see pyproject.toml
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            INSIDE.clear()
            list(map(signal.signal, numbers, handlers))
        out, err = capsys.readouterr()
        assert not SEEN
        assert not CONTROL.search(out + err)
        assert err.count("\n") <= 1 and len(err) < 2000
        return ended.value.code, out, err

    return run


def refused(gdbench, told="", verbs=VERBS):
    """Each verb exits with 6, prints nothing but one line that names the file, and writes nothing."""
    before = sorted(Path().rglob("*"))
    for words in verbs:
        code, out, err = gdbench(*words)
        assert (code, out) == (6, "") and re.fullmatch(rf"gdbench: bad.*{told}.*\n", err), (words, code, err)
    assert sorted(Path().rglob("*")) == before


# Files


def test_the_good_run_is_taken(gdbench):
    """So what the other tests see refused is refused for its damage, and the watch sees what is written elsewhere."""
    assert [gdbench(*words)[0] for words in VERBS] == [0, 0, 0]
    with pytest.raises(AssertionError):
        gdbench("report", "good")


def test_cut_off_or_with_a_bit_flipped(gdbench, folder):
    """run.json cut off after any byte but the last is refused; with one bit changed it is refused or compared."""
    noise, path = random.Random(1), folder / "bad" / "run.json"
    whole = path.read_bytes().rstrip()
    for length in [0, 1, 2, 3, len(whole) - 1, *noise.sample(range(len(whole)), 40)]:
        path.write_bytes(whole[:length])
        refused(gdbench)
    codes = set()
    for number in range(100):
        place, bit = noise.randrange(len(whole)), 1 << noise.randrange(8)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        codes |= {gdbench(*words)[0] for words in VERBS[0 if number < 9 else 1 :]}
    assert {0, 6} < codes | {4} <= {0, 1, 3, 4, 5, 6}


@pytest.mark.parametrize(
    "content",
    [
        b"", b" ", b"null", b"[]", b"1", b'"run"', b"{}", bytes(range(256)) * 40, b"\x80\x04K\x01.", b"\x1f\x8b\x08", b"\0" * 9999,
        b"\xef\xbb\xbf" + TEXT.encode(), TEXT.encode("utf-16"), TEXT.encode("utf-32"), b"[" * 10**6, b'{"a":' * 10**5,
        TEXT.replace('"plan": {', '"plan": {"a": ' + "[" * 5000 + "]" * 5000 + ", ").encode(), (TEXT + TEXT).encode(),
        TEXT.replace('"schema": ', '"schema": 9').encode(), TEXT.replace('"schema": ', '"schema": -').encode(),
        TEXT.replace("{", '{"\\u001b[31m\\u202e' + "y" * 9999 + '": 1, ', 1).encode(),
        TEXT.replace('"n_iter": ', '"n_iter": ' + "9" * 5000).encode(), TEXT.replace('"n_iter": ', '"n_iter": 1e999').encode(),
    ],
    ids=range(23),
)  # fmt: skip
def test_other_content(gdbench, folder, content):
    """No JSON, no object, no UTF-8, nested without end, another schema, unknown keys, too many digits: refused."""
    (folder / "bad" / "run.json").write_bytes(content)
    refused(gdbench)


def test_tokens_and_keys_that_json_does_not_have(gdbench, folder):
    """NaN and the infinities in the place of any number, and any first key given twice, are refused."""
    for number, path in enumerate(random.Random(3).sample(fields(int, float), 20)):
        document = json.loads(TEXT)
        at_value(path[:-1], document)[path[-1]] = (math.nan, math.inf, -math.inf)[number % 3]
        (folder / "bad" / "run.json").write_text(json.dumps(document))
        refused(gdbench, "not a JSON number")
    for found in list(re.finditer(r'{("[^"]*": )', TEXT))[::4]:
        (folder / "bad" / "run.json").write_text(TEXT[: found.end()] + "0, " + found[1] + TEXT[found.end() :])
        refused(gdbench, "a key twice")


@pytest.mark.parametrize("kind", ["fifo", "socket", "loop", "zero", "folder", "sparse", "secret", "gone"])
def test_what_is_no_ordinary_file(gdbench, folder, kind):
    """A pipe, a link to itself or to an endless device, a folder, 8 GiB of nothing, no permission: refused at once."""
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
            pytest.skip("root may read everything")
    refused(
        gdbench, {"fifo": "not a regular file", "zero": "not a regular file", "sparse": "MiB; allowed"}.get(kind, "")
    )


def test_links_that_lead_out_of_the_folder(gdbench, folder):
    """A report goes through no link: that of its figures is refused, and that of a page is replaced."""
    (folder / "out").mkdir()
    (folder / "out" / "page").write_text("mine")
    for name in "report.md", "report.html":
        (folder / "bad" / name).symlink_to(folder / "out" / "page")
    (folder / "bad" / "figures").symlink_to(folder / "out")
    refused(gdbench, "found a symbolic link", VERBS[:1])
    (folder / "bad" / "figures").unlink()
    assert gdbench("report", "bad")[0] == 0
    assert [(path.name, path.read_text()) for path in (folder / "out").iterdir()] == [("page", "mine")]


def test_a_folder_whose_name_steers_a_terminal(gdbench, folder):
    """The fixture finds nothing of it in what is printed, whether the run can be read or not."""
    evil = folder / "bad" / "\x1b]0;x\x07\x1b[2J\u202e"
    evil.mkdir()
    save_run(evil, GOOD)
    assert [gdbench("report", evil)[0], gdbench("compare", evil, "good")[0]] == [0, 0]
    (evil / "run.json").write_text("{")
    assert [gdbench("report", evil)[0], gdbench("compare", evil, "good")[0]] == [6, 6]


# Lies


@pytest.mark.parametrize("lie", LIES)
def test_lies(gdbench, folder, lie):
    """What the schema allows but no run can be is refused, or reported and compared like any other."""
    document = json.loads(TEXT)
    LIES[lie](document)
    (folder / "bad" / "run.json").write_text(json.dumps(document))
    codes = [gdbench(*words)[0] for words in VERBS]
    assert codes[0] in (0, 6) and set(codes) <= {0, 1, 3, 4, 5, 6}


@pytest.mark.parametrize("depth", [20, 200, 600, 900])
def test_deep_plans(gdbench, folder, depth):
    """A plan and a machine nested so deep are refused, or shown as far as anybody would read."""
    deep = '{"a": [' * (depth // 2) + "]}" * (depth // 2)
    text = TEXT.replace('"plan": {', f'"plan": {{"a": {deep}, ').replace('"python": ', f'"python": {deep}, "x": ')
    (folder / "bad" / "run.json").write_text(text)
    assert {gdbench(*words)[0] for words in VERBS} <= {0, 6}


@pytest.mark.parametrize("every", [299, pytest.param(29, marks=pytest.mark.slow)])
def test_any_value_anywhere(every):
    """In the place of any one value, whatever the schema lets pass is shown and compared; some of it is drawn, too."""
    noise = random.Random(4)
    cases = [((at, value), noise.choices((0, 1, 2), (95, 4, 1))[0]) for at in places(DOCUMENT) for value in VALUES]
    noise.shuffle(cases)
    assert not failures(cases[::every])


@pytest.mark.parametrize("every", [10, pytest.param(2, marks=pytest.mark.slow)])
def test_any_number_everywhere(every):
    """All numbers of one name, or all numbers, are tiny or huge at once: shown, compared and drawn."""
    named: dict = {}
    for at in fields(int, float):
        name = next(step for step in reversed(at) if isinstance(step, str))
        for value in (1e308, 5e-324, 2**63 - 1, 10**400):
            if changed((at, value)) is not None:
                named.setdefault((name, value), []).append((at, value))
                named.setdefault(("all", value), []).append((at, value))
    drawn = ("all", "per_iteration_s", "ci_high_s")
    cases = [(*found, 2 * (name in drawn and every == 2)) for (name, _), found in named.items()]
    assert not failures([case for index, case in enumerate(cases) if index % every == 0])


# Texts


def elements(source):
    """The elements of a page, what it loads, its event handlers and its style, as a browser reads them."""
    assert "<!--" not in source
    found = Page(source)
    style = re.findall("<style>.*?</style>", source, re.DOTALL)
    loads = {re.sub("[0-9]+|(?<=,).*", "", address) for address in found.loads}
    return Counter(found.tags), loads, found.handlers, style


FREE = [path for path in fields(str) if changed((path, "x")) is not None]


def with_text(words):
    """The run with these words as every text that is free to be anything, and as keys."""
    run = changed(*((path, words) for path in FREE))
    run.machine |= {words: {words: [words, {words: None}]}}
    run.plan |= {words: words}
    return run


def harmless(told, plain):
    """Nothing steers a terminal or is markup, and each page has the elements, addresses and style of the plain one."""
    assert not CONTROL.search("".join(told))
    bare = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)|\\.", "", told[1])
    assert not re.search(r"<|\]\(|[`$]", bare)
    assert list(map(elements, told[2:])) == list(map(elements, plain[2:]))


@pytest.mark.parametrize("every", [10, pytest.param(2, marks=pytest.mark.slow)])
def test_any_text_anywhere(monkeypatch, every):
    """In the place of any one text, all the hostile ones together are text; so is each of them as all texts at once."""
    monkeypatch.setattr(records, "MAX_EMBEDDED", 10**9)  # a run of long texts would be left out of its page
    places = [at for at in FREE if at[:2] not in (("cells", 1), ("cells", 3), ("blocks", 1))]
    for at in places[::every]:
        harmless(show(changed((at, " ".join(TEXTS)))), show(changed((at, "words"))))
    plain = show(with_text("words"))
    for words in TEXTS[::every]:
        harmless(show(with_text(words)), plain)


@pytest.mark.parametrize("words", [TEXTS[0], *(pytest.param(text, marks=pytest.mark.slow) for text in TEXTS[1:6])])
def test_files_of_hostile_texts(gdbench, folder, words):
    """With a hostile text everywhere, each file lies in the folder, loads nothing, and its pictures are shapes only."""
    save_run(folder / "bad", with_text(words))
    assert [gdbench(*verb)[0] for verb in VERBS] == [0, 6, 6]
    found = elements((folder / "bad" / "report.html").read_text("utf-8"))
    chapters = {"#answer", "#speed", "#first-answer", "#limits", "#correctness", "#method-and-data"}
    assert not found[2]
    assert found[1] == chapters | {"data:image/svg+xml;base,"}
    names = [path.name for path in (folder / "bad").iterdir()]
    assert sorted(names) == ["figures", "report.html", "report.md", "run.json"]
    pictures = [path.read_text("utf-8") for path in (folder / "bad" / "figures").glob("*.svg")]
    assert len(pictures) == 7
    for source in pictures:
        nodes = list(ElementTree.fromstring(source).iter())
        assert {node.tag.split("}")[1] for node in nodes} <= SHAPES
        values = [value for node in nodes for name, value in node.attrib.items() if "href" in name or "url(" in value]
        assert all(re.match(r"#|url\(#|http://purl|(clip-path|fill): url\(#", value) for value in values), values
