"""Bearer tokens: who may do what, with a token or with a secret that gets one."""

import json
import os

from checks import check, client, equal, refuses, run, value_of
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import OAuthTokenError

TOKENS = json.loads(os.environ["TOKENS"])
A = Schema('{"type":"record","name":"A","fields":[]}')
B = Schema('{"type":"record","name":"B","fields":[]}')


def holding(token):
    """Returns a client that has this token."""
    return client(
        more={
            "bearer.auth.credentials.source": "STATIC_TOKEN",
            "bearer.auth.token": token,
            "bearer.auth.logical.cluster": "lsrc-1",
            "bearer.auth.identity.pool.id": "pool-1",
        }
    )


def known(name, secret="secret"):
    """Returns a client that asks the issuer for a token."""
    return client(
        more={
            "bearer.auth.credentials.source": "OAUTHBEARER",
            "bearer.auth.client.id": name,
            "bearer.auth.client.secret": secret,
            "bearer.auth.scope": "schemas",
            "bearer.auth.issuer.endpoint.url": TOKENS["endpoint"],
            "bearer.auth.logical.cluster": "lsrc-1",
        }
    )


@check
def who_may_do_what():
    for n, (admin, reader) in enumerate(
        [
            (holding(TOKENS["good"]["admin"]), holding(TOKENS["good"]["reader"])),
            (known("admin"), known("reader")),
        ]
    ):
        subject = f"py-bearer-{n}"
        made = admin.register_schema_full_response(subject, A)
        equal(reader.get_latest_version(subject).schema_id, made.schema_id)
        equal(reader.lookup_schema(subject, A).version, 1)
        equal(reader.test_compatibility(subject, B), False)
        refuses(403, 403, reader.register_schema, subject, B)
        refuses(403, 403, reader.delete_subject, subject)
        refuses(403, 403, reader.set_compatibility, subject, "NONE")


@check
def tokens_that_let_nobody_in():
    for token in TOKENS["bad"].values():
        refuses(401, 401, holding(token).get_subjects)
        refuses(401, 401, holding(token).register_schema, "py-bearer-bad", A)
        refuses(401, 401, holding(token).lookup_schema, "py-bearer-0", A)
    refuses(401, 401, client().get_subjects)
    refuses(401, 401, client(user="admin:secret").get_subjects)


@check
def a_wrong_secret_gets_no_token():
    try:
        known("admin", "wrong").get_subjects()
    except OAuthTokenError:
        return
    raise AssertionError("the issuer has given a token for a wrong secret")


@check
def values():
    ctx = value_of("py-bearer-values")
    data = AvroSerializer(known("admin"), '"int"')(7, ctx)
    equal(AvroDeserializer(holding(TOKENS["good"]["reader"]))(data, ctx), 7)


run()
