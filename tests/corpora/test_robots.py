"""robots.txt: RFC 9309's examples, and Python's parser wherever the two conventions agree."""

from urllib.robotparser import RobotFileParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.corpora.robots import MAX_BYTES, matches, parse_robots, rules_for

# RFC 9309, section 5.1, with its line breaks.
SIMPLE = """\
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""


@pytest.mark.parametrize(
    ("agent", "path", "allowed"),
    [
        ("anybot", "/example/x", False),
        ("anybot", "/pictures/a.gif", False),
        ("anybot", "/pictures/a.gif?x", True),
        ("anybot", "/publications/", True),
        ("foobot", "/", False),
        ("foobot", "/example/page.html", True),
        ("FooBot", "/example/allowed.gif", True),
        ("barbot", "/example/page.html", False),
        ("bazbot", "/example/page.html", False),
        ("bazbot", "/example/", True),
        ("quxbot", "/example/page.html", True),
    ],
)
def test_the_example_of_the_standard(agent, path, allowed):
    assert parse_robots(SIMPLE, agent).allows(f"http://a.example{path}") is allowed


def test_the_longest_match_decides():
    """RFC 9309, section 5.2: /example/page/disallowed.gif is matched by both rules."""
    rules = parse_robots(
        "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif",
        "foobot",
    )
    assert not rules.allows("http://a.example/example/page/disallowed.gif")
    assert rules.allows("http://a.example/example/page/other.gif")


def test_of_equal_lengths_the_friendlier_decides_and_robots_txt_itself_is_free():
    rules = parse_robots("User-agent: *\nDisallow: /a\nAllow: /a\nDisallow: /", "x")
    assert rules.allows("http://a.example/a")
    assert rules.allows("http://a.example/robots.txt") and not rules.allows("http://a.example/b")


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/fish", "/fishheads/yummy.html", True),
        ("/fish", "/catfish", False),
        ("/fish*.php", "/fishheads/catfish.php?parameters", True),
        ("/*.php$", "/folder/filename.php", True),
        ("/*.php$", "/filename.php?parameters", False),
        ("/a*b*c$", "/abcbc", True),
        ("/a*bc$", "/abc", True),
        ("/ab*b$", "/ab", False),
        ("/x$", "/x", True),
        ("/x$", "/xx", False),
        ("*", "/", True),
        ("/$", "/", True),
    ],
)
def test_patterns(pattern, path, fits):
    assert matches(pattern, path) is fits


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffUser-agent: *\r\nDisallow: /x",
        "user-AGENT : little-crawler/2.0 (hello)\rDISALLOW : /x # why not",
        "# nothing\n\nUser-agent: *\nSitemap: http://a.example/s.xml\n\nDisallow: x\n",
        "User-agent: *\nDisallow: /%78\n",
        "User-agent: a\nUser-agent: *\nCrawl-delay: 2\nDisallow: /x\nnonsense\n:\n",
    ],
)
def test_files_as_people_write_them(text):
    rules = parse_robots(text.encode(), "little-crawler")
    assert not rules.allows("http://a.example/x/y") and rules.allows("http://a.example/y")


def test_an_empty_line_does_not_end_a_group():
    """RFC 9309, section 2.2: so the rule is for both. Python's parser takes it for b's alone."""
    assert not parse_robots("User-agent: a\n\nUser-agent: b\nDisallow: /", "a").allows("http://h/x")


def test_groups_of_one_agent_add_up_and_a_delay_is_read():
    text = (
        "User-agent: a\nDisallow: /x\nUser-agent: *\nDisallow: /y\nUser-agent: a\nCrawl-delay: 1.5"
    )
    rules = parse_robots(text, "a")
    assert not rules.allows("http://h/x") and rules.allows("http://h/y") and rules.delay == 1.5
    assert parse_robots("User-agent: *\nCrawl-delay: nan", "a").delay is None


PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)
GROUPS = st.lists(
    st.tuples(
        st.sampled_from(["*", "ours", "theirs"]),
        st.lists(st.tuples(st.booleans(), PATHS), min_size=1, max_size=4),
    ),
    max_size=4,
    unique_by=lambda group: group[0],
)


@settings(max_examples=100, deadline=None)
@given(GROUPS, PATHS)
def test_as_pythons_parser_where_its_order_is_that_of_the_lengths(groups, path):
    """With the longest first, and Allow before Disallow, the first match is the longest."""
    lines = []
    for agent, rules in groups:
        lines += ["", f"User-agent: {agent}"]
        for allowed, pattern in sorted(rules, key=lambda rule: (-len(rule[1]), not rule[0])):
            lines.append(f"{'Allow' if allowed else 'Disallow'}: {pattern}")
    theirs = RobotFileParser()
    theirs.parse(lines)
    theirs.modified()
    url = f"http://a.example{path}"
    assert parse_robots("\n".join(lines), "ours").allows(url) == theirs.can_fetch("ours", url)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_file_is_too_broken(content):
    assert parse_robots(b"User-agent: *\nDisallow: /\n" + content, "a").allows("http://a/") in (
        True,
        False,
    )


def test_a_large_file_is_read_up_to_a_limit_and_a_bad_pattern_takes_no_time():
    late = b"User-agent: *\n" + b"#" * MAX_BYTES + b"\nDisallow: /"
    assert parse_robots(late, "a").allows("http://a/x")
    assert not matches("/" + "*a" * 5000 + "$", "/" + "a" * 4999 + "b")  # a regex would never end


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        (200, False),
        (204, False),
        (404, True),
        (403, True),
        (429, False),
        (500, False),
        (None, False),
    ],
)
def test_what_an_answer_means(status, allowed):
    rules = rules_for(status, b"User-agent: *\nDisallow: /", "a")
    assert rules.allows("http://a.example/x") is allowed
