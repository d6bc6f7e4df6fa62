"""Runs checks of a client against a registry and reports each on a line.

A program imports check, puts it on functions, and ends with run(). The registry
is at REGISTRY_URL; WORK is a folder for files and SCHEMAS holds the schemas of
the repository. Checks share one registry, so each has subjects of its own.
"""

import json
import os
import subprocess
import sys
import traceback

from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

WORK = os.environ["WORK"]
SCHEMAS = os.environ["SCHEMAS"]

_checks = []


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
        print(json.dumps({"check": function.__name__, "error": error}), flush=True)


def client(**settings):
    """Returns a new client, so that no cache hides what the server says."""
    conf = {"url": os.environ["REGISTRY_URL"], "max.retries": 0}
    if "REGISTRY_USER" in os.environ:
        conf["basic.auth.user.info"] = os.environ["REGISTRY_USER"]
    conf.update(settings)
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
    """Compiles .proto files to modules that can be imported from now on."""
    out = os.path.join(WORK, "pb2")
    os.makedirs(out, exist_ok=True)
    import grpc_tools

    known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{root}", f"-I{known}", f"--python_out={out}", *paths],
        check=True,
        stdout=sys.stderr,
    )
    if out not in sys.path:
        sys.path.insert(0, out)
