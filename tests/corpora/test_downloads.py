"""Downloads against a server on this machine that does everything wrong that a server can."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lib.corpora import transfer
from lib.corpora.documents import Corpus, Size
from lib.corpora.downloads import Downloaded, openwebtext_sample, pieces, tinystories
from lib.corpora.fetch import DownloadError, OfflineError, fetch, is_whole
from lib.corpora.registry import OPENWEBTEXT_SAMPLE, TINYSTORIES, RemoteFile
from lib.corpora.transfer import Patience

CONTENT = b"".join(b"line %06d of the file\n" % i for i in range(20_000))  # 480 kB
OTHER = CONTENT.replace(b"0", b"o")
QUICK = Patience(timeout=0.3, attempts=2, pause=0.01)


class Handler(BaseHTTPRequestHandler):
    """Behaves as the first word of the path says; the rest of the path makes addresses differ."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def end_headers(self):
        self.send_header("Connection", "close")
        super().end_headers()

    def do_GET(self):
        self.server.asked.append(
            (self.path, self.headers.get("Range"), self.headers.get("If-Range"))
        )
        getattr(self, self.path.split("/")[1])()

    def send(self, content=CONTENT, *, until=None, ranges=True, etag='"v1"'):
        """`content` or the range asked for, but only up to position `until` of the whole."""
        start, wanted = 0, self.headers.get("Range")
        if wanted and ranges and self.headers.get("If-Range", etag) == etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start < len(content) else 416)
            span = f"{start}-{len(content) - 1}" if start < len(content) else "*"
            self.send_header("Content-Range", f"bytes {span}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(max(0, len(content) - start)))
        self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(content[start:until])

    def good(self):
        self.send()

    def dies(self):
        """200 kB more with every request."""
        wanted = self.headers.get("Range", "bytes=0-")
        self.send(until=int(wanted[6:-1]) + 200_000)

    def truncates(self):
        self.send(until=150_000)

    def no_ranges(self):
        """Sends all from the beginning, the first time only half of it."""
        self.send(ranges=False, until=250_000 if len(self.server.asked) == 1 else None)

    def stalls(self):
        self.send(until=100_000)
        self.wfile.flush()
        self.server.stop.wait(2)

    def never_answers(self):
        self.server.stop.wait(2)

    def wrong(self):
        self.send(OTHER)

    def too_long(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-Linked-Size", str(len(CONTENT)))
        self.end_headers()
        for block in (CONTENT, b"and more"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
        self.wfile.write(b"0\r\n\r\n")

    def short(self):
        """A proper end, but too early: 150 kB, and a redirect that promised all."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (150_000, CONTENT[:150_000]))

    def changed(self):
        """The first half of one version, then another version under another ETag."""
        first = len(self.server.asked) == 1
        self.send(
            OTHER if first else CONTENT,
            until=200_000 if first else None,
            etag='"old"' if first else '"new"',
        )

    def missing(self):
        self.send_error(404)

    def busy(self):
        self.send_error(503) if len(self.server.asked) == 1 else self.send()

    def hub(self):
        """A redirect that states size and hash of what it leads to, as Hugging Face does."""
        goal = "/" + "/".join(self.path.split("/")[2:])
        self.send_response(302)
        self.send_header("Location", goal)
        self.send_header("X-Linked-ETag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')
        self.send_header("X-Linked-Size", str(len(CONTENT)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def nothing_stated(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT)


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked, server.stop = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.delenv("LECTURES_OFFLINE", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def remote(server):
    """remote("dies", "good") is a file to be had from these two addresses; known to be CONTENT."""

    def remote(*manners, pinned=True):
        urls = tuple(f"http://127.0.0.1:{server.server_port}/{manner}" for manner in manners)
        size, sha256 = len(CONTENT), hashlib.sha256(CONTENT).hexdigest()
        known = {"size": size, "sha256": sha256} if pinned else {}
        return RemoteFile("file.txt", urls, "a test file", "none", **known)

    return remote


def get(file, folder):
    return fetch(file, folder, QUICK, progress=False)


def names(folder):
    """What is in the folder, without the lock that processes wait at (some systems leave it)."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".busy"))


WHOLE = ["file.txt", "file.txt.lock.json"]


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "not pinned"])
@pytest.mark.parametrize(
    "manner", ["good", "dies", "no_ranges", "busy", "changed", "hub/good", "hub/dies"]
)
def test_arrives_whole(remote, tmp_path, manner, pinned):
    path = get(remote(manner, pinned=pinned), tmp_path)
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == WHOLE
    lock = json.loads((tmp_path / "file.txt.lock.json").read_text(encoding="utf-8"))
    assert lock["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert lock["size"] == len(CONTENT)


def test_a_dead_transfer_goes_on_where_it_stopped(remote, server, tmp_path):
    get(remote("dies", pinned=False), tmp_path)
    assert server.asked == [
        ("/dies", None, None),
        ("/dies", "bytes=200000-", '"v1"'),
        ("/dies", "bytes=400000-", '"v1"'),
    ]


@pytest.mark.parametrize("manner", ["stalls", "truncates", "short", "never_answers", "hub/stalls"])
def test_what_arrived_before_giving_up_is_used_the_next_time(remote, server, tmp_path, manner):
    with pytest.raises(DownloadError) as error:
        get(remote(manner), tmp_path)
    assert "what has arrived is kept" in str(error.value)
    assert "file.txt" not in names(tmp_path)
    arrived = {"never_answers": 0, "truncates": 150_000, "short": 150_000}.get(manner, 100_000)
    part = tmp_path / "file.txt.part"
    assert (part.stat().st_size if part.exists() else 0) == arrived
    server.asked.clear()
    assert get(remote("good"), tmp_path).read_bytes() == CONTENT
    assert server.asked == [("/good", f"bytes={arrived}-" if arrived else None, None)]
    assert names(tmp_path) == WHOLE


def test_a_stall_is_noticed_in_time(remote, tmp_path):
    start = time.monotonic()
    with pytest.raises(DownloadError, match="stalled"):
        get(remote("stalls"), tmp_path)
    assert time.monotonic() - start < 1.8  # the server would wait two seconds, three times


def test_a_server_that_ignores_ranges_cannot_make_a_part_shorter(remote, server, tmp_path):
    part = tmp_path / "file.txt.part"
    part.write_bytes(CONTENT[:300_000])
    with pytest.raises(DownloadError):
        get(remote("truncates", pinned=False), tmp_path)  # 150,000 bytes and then nothing
    assert part.read_bytes() == CONTENT[:300_000]


@pytest.mark.parametrize("bad", ["missing", "wrong", "too_long", "truncates", "nothing_stated"])
def test_the_next_mirror_is_tried(remote, tmp_path, bad):
    pinned = bad != "nothing_stated"
    assert get(remote(bad, "good", pinned=pinned), tmp_path).read_bytes() == CONTENT
    assert names(tmp_path) == WHOLE


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("wrong", "sent something else"),
        ("hub/wrong", "sent something else"),
        ("missing", "answered 404"),
        ("too_long", "offers|instead of"),
    ],
)
def test_what_is_wrong_is_neither_kept_nor_taken(remote, tmp_path, manner, reason):
    with pytest.raises(DownloadError, match=reason) as error:
        get(remote(manner, pinned=manner != "hub/wrong"), tmp_path)
    assert "127.0.0.1" in str(error.value)
    assert str(tmp_path / "file.txt") in str(error.value)
    assert names(tmp_path) == []


def test_a_wrong_part_is_found_out_and_the_file_still_arrives(remote, tmp_path):
    (tmp_path / "file.txt.part").write_bytes(OTHER[:200_000])
    assert get(remote("good"), tmp_path).read_bytes() == CONTENT


def test_a_part_of_another_version_leaves_no_trace(remote, server, tmp_path):
    """Nothing is pinned, so no hash would notice a mixture."""
    (tmp_path / "file.txt.part").write_bytes(OTHER[:300_000])
    assert get(remote("dies", pinned=False), tmp_path).read_bytes() == CONTENT
    assert [ask[1] for ask in server.asked] == [None, "bytes=200000-", "bytes=400000-"]


def test_a_part_that_is_too_long_is_cut(remote, tmp_path):
    (tmp_path / "file.txt.part").write_bytes(CONTENT + b"the end of an older version")
    assert get(remote("good", pinned=False), tmp_path).read_bytes() == CONTENT


def test_a_complete_part_needs_no_transfer(remote, server, tmp_path):
    (tmp_path / "file.txt.part").write_bytes(CONTENT)
    assert get(remote("good"), tmp_path).read_bytes() == CONTENT
    assert server.asked == [("/good", f"bytes={len(CONTENT)}-", None)]


def test_contradictions_are_refused_before_the_transfer(remote, server, tmp_path):
    file = RemoteFile("file.txt", remote("hub/good").urls, "a test file", "none", size=5)
    with pytest.raises(DownloadError, match="offers 480000 bytes, expected 5"):
        get(file, tmp_path)


def test_without_size_or_hash_nothing_is_taken(remote, tmp_path):
    with pytest.raises(DownloadError, match="neither size nor hash"):
        get(remote("nothing_stated", pinned=False), tmp_path)
    assert names(tmp_path) == []


def test_a_file_that_is_there_is_not_fetched_again(remote, server, tmp_path, monkeypatch):
    get(remote("good"), tmp_path)
    server.asked.clear()
    monkeypatch.setenv("LECTURES_OFFLINE", "1")
    assert get(remote("good"), tmp_path).read_bytes() == CONTENT
    assert server.asked == []


def test_a_file_put_there_by_hand_is_checked(remote, server, tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(CONTENT)
    get(remote("missing"), tmp_path)
    assert server.asked == []
    path.unlink()
    (tmp_path / "file.txt.lock.json").unlink()
    path.write_bytes(OTHER)
    with pytest.raises(DownloadError):
        get(remote("missing"), tmp_path)
    assert get(remote("good"), tmp_path).read_bytes() == CONTENT


def test_a_second_download_must_match_the_first(remote, tmp_path):
    path = get(remote("good", pinned=False), tmp_path)
    path.unlink()
    with pytest.raises(DownloadError, match=r"sent something else.*delete .*lock\.json"):
        get(remote("wrong", pinned=False), tmp_path)
    assert get(remote("good", pinned=False), tmp_path).read_bytes() == CONTENT


def test_a_file_that_was_damaged_later(remote, tmp_path):
    path = get(remote("good", pinned=False), tmp_path)
    path.write_bytes(OTHER)  # of the same size: only a thorough look can tell
    assert is_whole(remote("good"), path)
    assert not is_whole(remote("good"), path, thorough=True)
    path.write_bytes(CONTENT[:-1])
    assert not is_whole(remote("good"), path)
    assert get(remote("good"), tmp_path).read_bytes() == CONTENT


def test_offline_is_one_sentence(remote, server, tmp_path, monkeypatch):
    monkeypatch.setenv("LECTURES_OFFLINE", "1")
    with pytest.raises(OfflineError) as error:
        get(remote("good"), tmp_path)
    assert str(error.value) == (
        "LECTURES_OFFLINE forbids fetching a test file: "
        f"unset it, or put the file at {tmp_path / 'file.txt'}."
    )
    assert server.asked == []


def test_no_network_is_one_sentence(remote, server, tmp_path):
    file = remote("good")
    server.shutdown()
    server.server_close()
    with pytest.raises(
        DownloadError, match=r"^Could not fetch a test file: .* cannot be reached\. "
    ):
        get(file, tmp_path)


def test_a_full_disk_is_noticed_before_the_transfer(remote, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "SPARE", 1 << 60)
    with pytest.raises(DownloadError, match="GB left: make room, or set LECTURES_CACHE"):
        get(remote("good"), tmp_path)
    assert names(tmp_path) == []


def test_two_at_once_fetch_once(remote, server, tmp_path):
    file = remote("good")
    threads = [threading.Thread(target=get, args=(file, tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1
    assert names(tmp_path) == WHOLE


def test_documents_of_a_compressed_file(tmp_path):
    text = "One.\n<|endoftext|>\nTwo,\nzwölf.\n<|endoftext|><|endoftext|>\n  Three"
    (tmp_path / "t.txt.gz").write_bytes(gzip.compress(text.encode()))
    file = RemoteFile("t.txt.gz", (), "a test", "none")
    corpus = Downloaded("test", file, tmp_path)
    documents = list(corpus)
    assert [d.text for d in documents] == ["One.", "Two,\nzwölf.", "Three"]
    assert [d.id for d in documents] == ["t-00000000", "t-00000001", "t-00000002"]
    assert documents[0].source == "a test (none)"
    assert corpus.size() == Size(3, 4 + 12 + 5)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
def test_pieces_do_not_depend_on_chunks(chunk):
    data = "ä<|endoftext|> <|end <|endoftext|>\U0001f600 <|endoftext".encode() + b"\xff"
    assert list(pieces(io.BytesIO(data), chunk=chunk)) == ["ä", "<|end", "\U0001f600 <|endoftext�"]


def test_the_registry():
    for file in [*TINYSTORIES.values(), *OPENWEBTEXT_SAMPLE.values()]:
        assert all(url.startswith("https://") and url.endswith(file.name) for url in file.urls)
        assert file.licence
    assert isinstance(tinystories("valid"), Corpus)
    assert isinstance(openwebtext_sample("train"), Corpus)
    with pytest.raises(ValueError, match="'train', 'valid'"):
        tinystories("test")


def test_nothing_is_fetched_before_it_is_asked_for(tmp_path):
    """Importing and naming a corpus opens no connection, and imports nothing heavy."""
    code = (
        "import socket, sys; socket.socket.connect = None\n"
        "from lib.corpora.downloads import tinystories; corpus = tinystories('valid')\n"
        "assert not {'torch', 'requests', 'numpy'} & set(sys.modules), 'heavy'\n"
        "try: next(iter(corpus))\nexcept RuntimeError as error: print(type(error).__name__)"
    )
    environment = os.environ | {"LECTURES_OFFLINE": "1", "LECTURES_CACHE": str(tmp_path)}
    run = [sys.executable, "-c", code]
    out = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    assert out == "OfflineError\n"
