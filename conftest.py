"""What holds for every test run, of lectures too (`pytest --nbmake lectures`): the network is off.

It lies here and not in tests/ because pytest looks for it in the folders above what it runs.
"""

import os
import runpy
from pathlib import Path

from nbclient.output_widget import OutputWidget

GUARD = Path(__file__).parent / "tests" / "network_guard"

runpy.run_path(str(GUARD / "sitecustomize.py"))["install"]()  # this process

# The processes that tests start, kernels among them, inherit these.
if str(GUARD) not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
    earlier = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(GUARD), *([earlier] if earlier else [])])
os.environ["LECTURES_OFFLINE"] = "1"
os.environ["PYTHONHASHSEED"] = "0"
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"

# nbmake's nbclient can stall on a widget, see lib/notebook/execute.py. Nothing of lib/ is imported
# here: what is imported before pytest has set up escapes the checking of its annotations.
OutputWidget.sync_state = lambda self: None
