"""Personal data: found by patterns, and masked."""

from lib.grading.feedback import todo

EMAIL, PHONE, IP = "|||EMAIL_ADDRESS|||", "|||PHONE_NUMBER|||", "|||IP_ADDRESS|||"


def mask_emails(text: str) -> tuple[str, int]:
    """The text with every e-mail address replaced by EMAIL, and how many were replaced.

    The host has a dot and ends in two letters or more. A full stop behind an address is none of
    it. What is masked already stays, and is not counted.

    mask_emails("Ask a.b+c@example.co.uk.") -> ("Ask |||EMAIL_ADDRESS|||.", 1)
    mask_emails("user@localhost, @team") -> the same text, 0
    """
    return todo("2.1", "re.subn: a name, @, names with dots between them, letters at the end.")


def mask_phone_numbers(text: str) -> tuple[str, int]:
    """The text with every phone number of the United States replaced by PHONE, and how many.

    Ten digits: three of the area, the first of them 2 to 9, perhaps in brackets; three; four.
    Between the groups there is one of blank, dot, hyphen, or nothing; in front there may be 1 or
    +1. All of it is replaced, brackets and +1 too. A part of a longer number is none.

    mask_phone_numbers("(212) 555-0134") -> ("|||PHONE_NUMBER|||", 1); so with 212.555.0134,
    2125550134 and +1 212-555-0134
    """
    return todo("2.1", "build the pattern from its groups, then say what may not stand around it.")


def mask_ips(text: str) -> tuple[str, int]:
    """The text with every IPv4 address replaced by IP, and how many were replaced.

    Four numbers from 0 to 255 with dots between them, which are no part of more such numbers.

    mask_ips("From 192.0.2.255, not 192.0.2.256") -> ("From |||IP_ADDRESS|||, not 192.0.2.256", 1)
    mask_ips("section 4.2.1.3.7") -> the same text, 0
    """
    return todo(
        "2.1", "find four numbers by a pattern, then look at each in a function for re.sub."
    )
