"""Bytes of a page to its text."""

from lib.grading.feedback import todo


def extract_text(body: bytes) -> str:
    """The main text of an HTML page, found by Resiliparse; never fails, whatever the bytes.

    What is valid UTF-8 is UTF-8. Else the encoding is what
    resiliparse.parse.encoding.detect_encoding makes of the bytes, and a byte that makes no sense in
    it becomes U+FFFD. The text is extract_plain_text(..., main_content=True), stripped.

    extract_text("<p>Größe</p>".encode("cp1252")) -> "Größe", and the same from UTF-8
    """
    return todo("1.2", "body.decode() in a try, then detect_encoding(body) with errors='replace'.")
