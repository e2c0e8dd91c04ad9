"""What text costs as bytes, before anything is learned."""

from lib.grading.feedback import todo


def count_bytes(text: str, encoding: str) -> tuple[int, int]:
    """How many bytes the text has in an encoding, and how many of these bytes are zero.

    `encoding` is a name that `str.encode` knows: "utf-8", "utf-16-le", "utf-32-le".

    count_bytes("hé", "utf-8")      ->  (3, 0)    68 c3 a9
    count_bytes("hé", "utf-16-le")  ->  (4, 2)    68 00 e9 00
    """
    return todo("1.2", "encode the text and count with len and with bytes.count.")
