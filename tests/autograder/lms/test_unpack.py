"""A download is read to its last file, whatever is in it: nothing is written, nothing is lost, nothing explodes."""

import random
import stat
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.grading.refusal import NotGradable
from autograder.grading.submitted_file import MAX_BYTES
from autograder.lms.unpack import MAX_FILE, Limits, files_in
from course_lib.wrong_usage import WrongUsage
from tests.autograder.lms.downloads import zipped

TIGHT = Limits(entries=50, inside=5, file=1000, archive=20_000, unpacked=3000, ratio=20, small=500, depth=2)


@pytest.fixture
def read(tmp_path):
    """A function that reads an archive of files: path → bytes, or the reason why not."""

    def files(some, limits=None):
        path = tmp_path / "download.zip"
        path.write_bytes(some if isinstance(some, bytes) else zipped(some))
        found = {}
        for one in files_in(path, limits):
            try:
                found[one.shown] = one.read(MAX_FILE)
            except NotGradable as problem:
                found[one.shown] = str(problem)
        return found

    return files


def link(name, to):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return {info: to.encode()}


def test_archives_in_archives_are_read_down_to_their_files(read):
    inner = zipped({"deep/x.ipynb": b"x"})
    found = read({"a.zip": zipped({"b.ZIP": zipped({"c.zip": inner})}), "y.ipynb": b"y"})
    assert found == {"a.zip/b.ZIP/c.zip/deep/x.ipynb": b"x", "y.ipynb": b"y"}


@pytest.mark.parametrize(
    ("member", "why"),
    [
        ({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"x": b""})})})}, "an archive inside 2 others"),
        ({"a.zip": zipped({f"{n}.ipynb": b"" for n in range(6)})}, "more than 5 files"),
        ({"a.zip": zipped({f"{n}.ipynb": random.Random(n).randbytes(900) for n in range(4)})}, "holds more than"),
        ({"big.ipynb": random.Random(1).randbytes(1001)}, "at most"),
        ({"bomb.ipynb": b"0" * 900}, "a bomb: it unpacks to"),
        ({"a.zip": b"PK\x05\x06 and then nothing"}, "the archive is broken"),
        ({"a.zip": zipped({"x.ipynb": b"x"})[:-30]}, "the archive is broken"),
        (link("way_out.ipynb", "/etc/passwd"), "a link to another place"),
    ],
    ids=["depth", "entries", "unpacked", "size", "ratio", "no archive", "cut off", "link"],
)
def test_what_is_too_much_or_broken_is_refused_and_what_is_beside_it_is_read(read, member, why):
    found = read({"0.ipynb": b"first"} | member | {"z.ipynb": b"last"}, TIGHT)
    assert found.pop("0.ipynb") == b"first" and found.pop("z.ipynb") == b"last"
    assert [why in reason for reason in found.values()] == [True]


def test_a_password_is_refused(read):
    data = bytearray(zipped({"x.ipynb": b"secret"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    assert "needs a password" in read(bytes(data))["x.ipynb"]


def test_files_that_share_their_bytes_are_a_bomb_of_another_kind(read):
    single = zipped({"a": random.Random(1).randbytes(5000)})
    first, last = single.index(b"PK\x01\x02"), single.index(b"PK\x05\x06")
    line, end, count = single[first:last], bytearray(single[last:]), 40  # one file, and 40 lines that lead to it
    end[8:12] = count.to_bytes(2, "little") * 2
    end[12:16] = (len(line) * count).to_bytes(4, "little")
    found = read({"a.zip": single[:first] + line * count + bytes(end), "x.ipynb": b"honest"})
    assert "its files overlap" in found["a.zip"] and found["x.ipynb"] == b"honest"


def test_a_liar_about_sizes_gets_no_more_than_it_said(read):
    data = bytearray(zipped({"x.ipynb": bytes(100_000)}))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + place
        data[at : at + 4] = (10).to_bytes(4, "little")
    assert "cannot be unpacked" in read(bytes(data))["x.ipynb"]


def test_names_that_programs_wrote_in_utf8_without_saying_so_are_read_and_accents_are_put_together(read):
    data = zipped({"Zoë/x.ipynb": b"", "Ada\u0301.ipynb": b""}).replace(b"\x00\x08", b"\x00\x00")
    assert set(read(data)) == {"Zoë/x.ipynb", "Ad\xe1.ipynb"}


def test_what_systems_leave_behind_is_nobodys_work_and_jupyters_copies_are(read):
    left = {"__MACOSX/._x.ipynb": b"", ".DS_Store": b"", "a/~$x.ipynb": b"", ".hidden/x.ipynb": b""}
    assert set(read(left | {".ipynb_checkpoints/x-checkpoint.ipynb": b""})) == {".ipynb_checkpoints/x-checkpoint.ipynb"}


def test_a_folder_is_read_and_no_link_in_it_is_followed(tmp_path):
    folder, outside = tmp_path / "download", tmp_path / "outside"
    (folder / "ada").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.ipynb").write_bytes(b"secret")
    (folder / "ada" / "x.ipynb").write_bytes(b"x")
    (folder / "ben").symlink_to(outside)
    (folder / "link.ipynb").symlink_to(outside / "secret.ipynb")
    found = {one.shown: one.refusal or one.read(10) for one in files_in(folder)}
    assert found.pop("ada/x.ipynb") == b"x"
    assert set(found) == {"ben", "link.ipynb"} and all("not followed" in why for why in found.values())


@pytest.mark.parametrize("name", ["nowhere.zip", "broken.zip", "class.7z"])
def test_what_is_no_download_is_wrong_usage(tmp_path, name):
    if name != "nowhere.zip":
        (tmp_path / name).write_bytes(b"PK\x03\x04 no")
    with pytest.raises(WrongUsage, match="not there" if name == "nowhere.zip" else "no zip archive"):
        list(files_in(tmp_path / name))


def test_a_notebook_may_be_as_large_as_grade_takes_it():
    assert MAX_FILE == MAX_BYTES


NAMES = st.one_of(
    st.sampled_from(["../x.ipynb", "/etc/x.ipynb", "C:\\x.ipynb", "..\\..\\x.zip", "a/../../b.zip", "//h/x.zip"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30),
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=6), st.randoms(use_true_random=False))
def test_no_archive_of_a_student_loses_anothers_notebook_or_writes_a_file(tmp_path_factory, inside, chance):
    hostile = bytearray(zipped(inside))
    for _ in range(chance.randrange(4)):
        hostile[chance.randrange(len(hostile))] = chance.randrange(256)
    root = tmp_path_factory.mktemp("hostile")
    path = root / "download.zip"
    path.write_bytes(zipped({"a.ipynb": b"ada", "m.zip": bytes(hostile), "z.ipynb": b"zoe"}))
    found = {}
    for one in files_in(path):
        assert ".." not in one.path and not any("/" in name or "\\" in name for name in one.path)
        try:
            found[one.shown] = one.read(MAX_FILE)
        except NotGradable as problem:
            assert str(problem)
    assert found["a.ipynb"] == b"ada" and found["z.ipynb"] == b"zoe"
    assert [path.name for path in root.rglob("*")] == ["download.zip"]
