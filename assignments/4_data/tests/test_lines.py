"""Lines that occur again, in files of bytes."""

from pathlib import Path

from adapters import duplicates
from lib.grading.feedback import same
from lib.grading.problems import problem


def run(place: Path, **files: bytes) -> dict[str, bytes]:
    """What comes out for these files, by name; names are without .txt."""
    (place / "in").mkdir()
    paths = [place / "in" / f"{name}.txt" for name in files]
    for path, content in zip(paths, files.values()):
        path.write_bytes(content)
    duplicates.exact_line_deduplication(paths, place / "out" / "deep")
    return {path.stem: path.read_bytes() for path in sorted((place / "out" / "deep").iterdir())}


def check(place: Path, files: dict[str, bytes], expected: dict[str, bytes]) -> None:
    same(run(place, **files), expected, given=f"the files {files}")


@problem("exact_deduplication")
def test_a_line_that_occurs_again_goes_everywhere(tmp_path):
    check(tmp_path, {"a": b"x\ny\nx\n", "b": b"z\n"}, {"a": b"y\n", "b": b"z\n"})


@problem("exact_deduplication")
def test_counts_are_those_of_all_files(tmp_path):
    files = {"a": b"menu\nx\n", "b": b"y\nmenu\n", "c": b"menu\nz\n"}
    check(tmp_path, files, {"a": b"x\n", "b": b"y\n", "c": b"z\n"})


@problem("exact_deduplication")
def test_the_last_line_needs_no_break(tmp_path):
    check(tmp_path, {"a": b"x\ny", "b": b"y\nz"}, {"a": b"x\n", "b": b"z"})


@problem("exact_deduplication")
def test_lines_differ_by_case_and_blanks(tmp_path):
    files = {"a": b"x\nX\n x\nx \n"}
    check(tmp_path, files, files)


@problem("exact_deduplication")
def test_lines_end_at_breaks_only_and_stay_as_they_are(tmp_path):
    one = "a\u2028b\x0cc\r\nd\n".encode()
    files = {"a": one, "b": b"c\nb\n\xff\xfe\n"}
    check(tmp_path, files, files)


@problem("exact_deduplication")
def test_empty_lines_and_empty_files(tmp_path):
    files = {"a": b"\nx\n\n", "b": b"", "c": b"y\ny\n"}
    check(tmp_path, files, {"a": b"x\n", "b": b"", "c": b""})
