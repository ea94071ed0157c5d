"""Downloads from a server on this computer, which cuts connections, lies about files, and counts what it is asked."""

import gzip
import hashlib
import http.server
import threading
import zipfile

import pytest

from course_lib import store
from course_lib.data.fetch import Download, fetch, lines

TEXT = b"".join(b"line %d of a text that everybody compares with\n" % i for i in range(20_000))
SHA256 = hashlib.sha256(TEXT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`, whole or from the byte that Range names, and at most `server.cut` bytes a connection."""

    def do_GET(self):
        server, content = self.server, self.server.files.get(self.path)
        server.requests.append(dict(self.headers))
        if content is None:
            return self.send_error(404)
        tag, start = f'"{hashlib.md5(content).hexdigest()}"', 0
        asked = self.headers.get("Range")
        if asked and server.ranges and self.headers.get("If-Range") == tag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start + server.shift}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.length:
            self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(content[start:][: server.cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.requests = {"/text": TEXT}, []
    server.ranges, server.length, server.cut, server.shift = True, True, None, 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def text(server):
    """A function that describes a download from the server, with the right checksum unless told otherwise."""

    def describe(name="text.txt", place="text", sha256=SHA256):
        url = f"http://127.0.0.1:{server.server_address[1]}/{place}"
        return Download(name, (url,), 1, "english() serves offline", sha256)

    return describe


def left_in_the_cache():
    return sorted(path.name for path in (store.folder() / "downloads").iterdir())


def test_a_file_is_downloaded_whole_and_asked_for_once(server, text, capsys):
    path = fetch(text())
    assert path.read_bytes() == TEXT and path.parent == store.folder() / "downloads"
    assert fetch(text()) == path and b"".join(lines(text())) == TEXT
    assert len(server.requests) == 1 and left_in_the_cache() == ["text.txt"]
    assert "text.txt: 100%" in capsys.readouterr().err


def test_a_cut_connection_is_taken_up_where_it_was_cut(server, text):
    server.cut = 400_000
    assert fetch(text()).read_bytes() == TEXT
    assert [request.get("Range") for request in server.requests] == [None, "bytes=400000-", "bytes=800000-"]


def test_a_later_session_goes_on_with_what_an_earlier_one_left(server, text):
    server.cut = 400_000
    server.ranges = False  # each connection brings the same beginning: the first session gives up
    with pytest.raises(ConnectionError, match="400,000 of"):
        fetch(text())
    server.cut, server.ranges = None, True
    assert fetch(text()).read_bytes() == TEXT
    assert server.requests[-1]["Range"] == "bytes=400000-" and left_in_the_cache() == ["text.txt"]


def test_a_file_that_changed_between_two_sessions_is_not_mixed(server, text):
    server.cut, server.ranges = 400_000, False
    with pytest.raises(ConnectionError):
        fetch(text(sha256=None))
    server.cut, server.ranges = None, True
    server.files["/text"] = TEXT[::-1]
    assert fetch(text(sha256=None)).read_bytes() == TEXT[::-1]


def test_a_beginning_that_is_longer_than_the_file_is_thrown_away(server, text):
    server.cut, server.ranges = 900_000, False
    with pytest.raises(ConnectionError):
        fetch(text())
    part = store.folder() / "downloads" / "text.txt.part"
    part.write_bytes(TEXT + b"and more")
    server.cut, server.ranges = None, True
    assert fetch(text()).read_bytes() == TEXT


def test_a_server_without_ranges_or_lengths_serves_too(server, text):
    server.ranges = server.length = False
    assert fetch(text()).read_bytes() == TEXT


def test_a_server_that_continues_in_another_place_is_not_believed(server, text):
    server.cut, server.shift = 400_000, 7
    with pytest.raises(ConnectionError, match="asked for the bytes from 400000, got bytes 400007-"):
        fetch(text())


def test_another_checksum_than_the_published_one_is_refused_and_the_file_removed(text):
    with pytest.raises(ValueError, match=r"must have the SHA-256 0{64} \(as published\), got [0-9a-f]{64}"):
        fetch(text(sha256="0" * 64))
    assert left_in_the_cache() == []


def test_without_a_published_checksum_the_first_download_is_trusted_and_the_next_must_equal_it(server, text, capsys):
    path = fetch(text(sha256=None))
    assert "this first download is trusted" in capsys.readouterr().err
    assert path.with_name("text.txt.sha256").read_text() == f"{SHA256}  text.txt\n"
    path.unlink()
    assert fetch(text(sha256=None)) == path
    path.unlink()
    server.files["/text"] = TEXT[::-1]
    with pytest.raises(ValueError, match="from the first download"):
        fetch(text(sha256=None))
    assert left_in_the_cache() == ["text.txt.sha256"]


def test_offline_the_message_says_why_what_serves_instead_and_where_to_put_the_file():
    nowhere = Download("text.txt", ("http://127.0.0.1:9/text", "http://127.0.0.1:9/"), 1, "english() serves offline")
    with pytest.raises(ConnectionError) as caught:
        fetch(nowhere)
    message = str(caught.value)
    assert message.count("127.0.0.1:9: ") == 2 and "english() serves offline" in message
    assert message.endswith(f"put it at {store.folder() / 'downloads' / 'text.txt'}")


def test_a_file_put_by_hand_needs_no_connection():
    nowhere = Download("text.txt", (), 1, "english() serves offline")
    (store.folder() / "downloads").mkdir(parents=True)
    (store.folder() / "downloads" / "text.txt").write_text("a\nb")
    assert list(lines(nowhere)) == [b"a\n", b"b"]


def test_the_next_place_is_asked_where_the_first_has_no_such_file(server, text):
    url = text().urls[0]
    assert fetch(Download("text.txt", (f"{url}-gone", url), 1, "")).read_bytes() == TEXT


def test_more_than_is_allowed_is_neither_downloaded_nor_unpacked(server, text):
    server.files["/text"] = TEXT * 2
    with pytest.raises(ValueError, match="must have at most 1 MB"):
        fetch(text(sha256=None))
    assert left_in_the_cache() == []
    server.files["/bomb"] = gzip.compress(b"0" * 10**6 + b"!")
    with pytest.raises(ValueError, match="must unpack to at most 1 MB"):
        list(lines(text("bomb.gz", "bomb", sha256=None)))
    server.files["/full"] = gzip.compress(b"0" * 10**6)
    assert len(b"".join(lines(text("full.gz", "full", sha256=None)))) == 10**6


@pytest.mark.parametrize("name", ["", "../text", "/etc/text", "a\\b", ".."])
def test_a_name_that_leaves_the_cache_is_refused(name):
    with pytest.raises(ValueError, match="name must be the name of a file"):
        Download(name, (), 1, "")


def test_what_an_archive_calls_its_files_becomes_no_path(server, text, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../../evil.txt", "out\n")
        archive.writestr("folder/good.txt", "in\nand on\n")
    server.files["/evil"] = (tmp_path / "evil.zip").read_bytes()
    evil = text("evil.zip", "evil", sha256=None)
    before = set(store.folder().parent.rglob("*"))
    assert list(lines(evil, "folder/good.txt")) == [b"in\n", b"and on\n"]
    assert list(lines(evil, "../../evil.txt")) == [b"out\n"]
    new = {path.name for path in set(store.folder().parent.rglob("*")) - before}
    assert new == {"downloads", "evil.zip", "evil.zip.sha256"}
    with pytest.raises(KeyError):
        list(lines(evil, "missing.txt"))
