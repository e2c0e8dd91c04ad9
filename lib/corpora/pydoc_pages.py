"""Python's documentation as `pydoc` renders it to HTML: about 200 pages of real prose and code.

pydoc imports what it describes, so the work is done in a process of its own, with an environment
that has nothing private in it; the result is kept in the cache under the version of Python.
"""

import hashlib
import html
import json
import os
import platform
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from pydoc_data.topics import topics

from lib.corpora.cache import atomic_file, cache_folder

FORMAT = 1  # raise it when what is rendered changes: the cache is then built afresh
# Modules that every Python has, and whose pages say nothing about the machine (as `os` would,
# which prints the environment).
MODULES = """
abc argparse array ast asyncio.locks asyncio.queues base64 bdb binascii bisect bz2 calendar cmath
cmd code codecs codeop collections collections.abc colorsys concurrent.futures configparser
contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib dis doctest
email.charset email.generator email.header email.message email.parser email.policy email.utils
enum errno filecmp fileinput fnmatch fractions ftplib functools getopt getpass gettext glob
graphlib gzip hashlib heapq hmac html html.entities html.parser http http.client http.cookiejar
http.cookies http.server imaplib importlib.abc importlib.metadata importlib.util inspect io
ipaddress itertools json json.decoder json.encoder keyword linecache logging logging.config
logging.handlers lzma mailbox math mimetypes modulefinder netrc numbers opcode operator optparse
pathlib pdb pickle pickletools pkgutil plistlib poplib pprint profile pstats py_compile pyclbr
queue quopri random re reprlib rlcompleter runpy sched secrets selectors shelve shlex shutil
smtplib socketserver sqlite3 statistics string stringprep struct symtable tabnanny telnetlib
tempfile textwrap this threading timeit token tokenize trace traceback tracemalloc types typing
unicodedata unittest unittest.case unittest.loader unittest.mock unittest.runner unittest.suite
urllib.error urllib.parse urllib.request urllib.response urllib.robotparser uuid warnings wave
weakref wsgiref.handlers wsgiref.headers wsgiref.util wsgiref.validate xml.dom.minidom
xml.dom.pulldom xml.etree.ElementTree xml.sax.handler xml.sax.saxutils xmlrpc.client zipapp
zipfile zlib
""".split()  # noqa: SIM905
ADDRESS = re.compile(r"\bat( |&nbsp;)0x[0-9a-fA-F]+")
MAX_CHARACTERS = 100_000  # longer pages (ast, mailbox ...) are mostly tables, and slow to read


def pydoc_pages(
    folder: Path | None = None, modules: list[str] = MODULES
) -> dict[str, tuple[str, str]]:
    """Name -> (title, HTML of the content), modules and help pages, the same on every call."""
    asked = json.dumps([FORMAT, platform.python_version(), modules])
    key = hashlib.sha256(asked.encode()).hexdigest()[:12]
    path = (folder or cache_folder()) / "corpora" / f"pydoc-{key}.json"
    if not path.exists():
        made = subprocess.run(
            [sys.executable, "-c", f"from {__name__} import main; main()", *modules],
            env=_environment(),
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            check=True,
        )
        with atomic_file(path, keep_existing=True) as file:
            file.write(made.stdout.decode("utf-8"))
    return {name: (title, text) for name, (title, text) in json.loads(path.read_bytes()).items()}


def main() -> None:
    """Write all pages as JSON to the standard output, where the modules cannot write meanwhile."""
    output, sys.stdout = sys.stdout, sys.stderr
    os.environ.clear()  # modules that import `environ` have it on their page
    pages = {name: page for name in sys.argv[1:] if (page := module_page(name))}
    pages = {name: page for name, page in pages.items() if len(page[1]) <= MAX_CHARACTERS}
    pages |= {f"topic/{name}": topic_page(name) for name in sorted(topics)}
    output.write(json.dumps(pages))


def module_page(name: str) -> tuple[str, str] | None:
    """What `pydoc -w` writes about a module; None where this Python has no such module."""
    try:
        module = pydoc.locate(name)
        content = pydoc.HTMLDoc().docmodule(module)
    except Exception:  # pydoc turns every failure of an import into its own kind of error
        return None
    content = re.sub(r'<a href="file:[^"]*">([^<]*)</a>', f"{name.replace('.', '/')}.py", content)
    content = re.sub(r'href="([\w.]+)\.html', r'href="/\1.html', content)
    return f"Python: module {name}", ADDRESS.sub("at 0x…", content)


def topic_page(name: str) -> tuple[str, str]:
    """A page of the help that Python ships, which is text."""
    return f"Python: {name}", f"<h1>{name}</h1>\n<pre>{html.escape(topics[name])}</pre>"


def _environment() -> dict[str, str]:
    """Enough to start Python; nothing that a page could print."""
    kept = {
        key: os.environ[key] for key in ("PATH", "SYSTEMROOT", "PYTHONPATH") if key in os.environ
    }
    return kept | {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "HOME": "/", "COLUMNS": "80"}
