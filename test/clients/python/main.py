"""Runs programs, each against a registry of its own: main.py LABEL=FILE=URL ...

One process for all, since its imports take longer than its checks.
"""

import os
import runpy
import sys

import checks

for argument in sys.argv[1:]:
    label, file, url = argument.split("=", 2)
    checks.use(label, url)
    runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), file))
