"""Bytes in rows: places add up over the parts, digits are those of bytes.hex, nothing is markup."""

from lib.notebook.bytes_view import bytes_view, chunks


def test_rows_have_sixteen_bytes():
    assert [(at, len(row)) for at, row in chunks(bytes(35))] == [(0, 16), (16, 16), (32, 3)]
    assert chunks(b"") == []


def test_places_and_digits():
    drawing = bytes_view({"a": bytes(range(20)), "b": b"<p>\n"}, title="T", start=1000)
    rows = drawing.html.split("<pre")[1].split("\n")
    assert "   1,000  " in rows[0] and "00 01 02 03" in rows[0]
    assert "   1,016  " in rows[1] and "10 11 12 13" in rows[1]
    assert "   1,020  " in rows[2] and "3c 70 3e 0a" in rows[2] and "&lt;p&gt;·" in rows[2]
    assert str(drawing) == "T: a 20 bytes, b 4 bytes"


def test_long_parts_are_cut_and_say_so():
    drawing = bytes_view({"a": bytes(100), "b": b"x"}, title="T", most=32)
    assert "… 68 more bytes" in drawing.html and "     100  " in drawing.html
