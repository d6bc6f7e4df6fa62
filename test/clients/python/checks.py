"""Runs checks of a client against a registry and reports each on a line.

A program imports check, puts it on functions, and ends with run(); main.py says
which registry it speaks to. WORK is a folder for files, SCHEMAS holds the schemas
of the repository, and CA the certificate that the registry may have. Checks of a
program share one registry, so each has subjects of its own.
"""

import json
import os
import subprocess
import sys
import traceback
import urllib.parse

from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

WORK = os.environ["WORK"]
SCHEMAS = os.environ["SCHEMAS"]

_checks = []
_label = _user = ""
_urls = []
_compiled = set()


def use(label, url):
    """Says under which label the next checks run, and against which registry.

    Servers of one registry have commas between their URLs.
    """
    global _label, _urls, _user
    _label, _urls = label, []
    for one in url.split(","):
        parts = urllib.parse.urlsplit(one)
        _user, _, host = parts.netloc.rpartition("@")
        _urls.append(f"{parts.scheme}://{host}")


def check(function):
    """Adds a function to those that run() calls, in the order of the file."""
    _checks.append(function)
    return function


def run():
    """Calls every check and prints a line of JSON for each. Nothing is skipped."""
    for function in _checks:
        error = ""
        try:
            function()
        except Exception:  # whatever it is, the test on the other side says it
            error = traceback.format_exc()
        print(json.dumps({"program": _label, "check": function.__name__, "error": error}), flush=True)
    _checks.clear()


def client(path="", user=None, at=0, more=None):
    """Returns a new client, so that no cache hides what the server says.

    at is the number of the server, if there is more than one; more are settings.
    """
    conf = {"url": _urls[at] + path, "max.retries": 0, **(more or {})}
    if user or _user:
        conf["basic.auth.user.info"] = user or _user
    if "CA" in os.environ:  # without it, each client reads all that the system trusts
        conf["ssl.ca.location"] = os.environ["CA"]
    return SchemaRegistryClient(conf)


def value_of(topic, headers=None):
    """Returns the context of a message's value."""
    return SerializationContext(topic, MessageField.VALUE, headers)


def equal(got, want):
    """Fails unless the two are equal."""
    if got != want:
        raise AssertionError(f"got  {got!r}\nwant {want!r}")


def refuses(status, code, call, *args, **kwargs):
    """Fails unless a call is refused with this status and error code."""
    try:
        got = call(*args, **kwargs)
    except SchemaRegistryError as e:
        equal((e.http_status_code, e.error_code), (status, code))
        return e
    raise AssertionError(f"got {got!r}, want error {code}")


def fails(kind, call, *args, **kwargs):
    """Fails unless a call raises an error of this kind; returns it."""
    try:
        got = call(*args, **kwargs)
    except kind as e:
        return e
    raise AssertionError(f"got {got!r}, want {kind.__name__}")


def schema_text(path):
    """Returns a schema of the repository."""
    with open(os.path.join(SCHEMAS, path), encoding="utf-8") as f:
        return f.read()


def compile_protos(root, *paths):
    """Compiles .proto files, once, to modules that can be imported from now on."""
    if (root, paths) in _compiled:
        return
    _compiled.add((root, paths))
    import grpc_tools

    out = os.path.join(WORK, "pb2")
    os.makedirs(out, exist_ok=True)
    known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{root}", f"-I{known}", f"--python_out={out}", *paths],
        check=True,
        stdout=sys.stderr,
    )
    if out not in sys.path:
        sys.path.insert(0, out)
