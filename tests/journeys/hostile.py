"""Requests that no honest client sends: broken framing, huge and garbled heads, bodies that parsers choke on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

PATHS = [b"/in/orders", b"/in/lines", b"/in/events", b"/in/quotes", b"/api/stock/00042?warehouse=A", b"/in/signed"]
TYPES = [
    b"application/json", b"application/x-ndjson", b"application/cloudevents+json", b"text/csv",
    b"application/cloudevents-batch+json", b"text/plain; charset=utf-16", b"application/json; charset=latin-1",
    b"multipart/form-data; boundary=x", b";;;;", b"\xff\xfe", b"a/b" + b";c=d" * 200,
]  # fmt: skip
KNOWN = [b"Authorization: Bearer a-token-of-the-erp", b"X-API-Key: a-token-of-the-erp"]
"""What opens two of the endpoints: behind their doors there is more to break."""
GOOD = b'{"number":"H1","quantity":1,"sku":"00042"}'


def request(
    path: bytes, body: bytes, *headers: bytes, method: bytes = b"POST", length: bytes | None = None, host: bytes = b"x"
) -> bytes:
    """Return a request; what is not given is right."""
    said = b"Content-Length: %d" % len(body) if length is None else length
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: " + host, b"Connection: close", said, *KNOWN, *headers]
    return b"\r\n".join(line for line in lines if line) + b"\r\n\r\n" + body


def framing(chance: random.Random) -> bytes:
    """Lengths that lie, chunks that break, and two ways to read where a request ends."""
    path = chance.choice(PATHS)
    chunked = b"Transfer-Encoding: chunked"
    hidden = b"POST /in/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    return chance.choice(
        [
            request(path, GOOD, length=b"Content-Length: -1"),
            request(path, GOOD, length=b"Content-Length: +%d" % len(GOOD)),
            request(path, GOOD, length=b"Content-Length: 0x10"),
            request(path, GOOD, length=b"Content-Length: 99999999999999999999999"),
            request(path, GOOD, length=b"Content-Length: 5\r\nContent-Length: 6"),
            request(path, GOOD, length=b"Content-Length: %d, %d" % (len(GOOD), len(GOOD))),
            request(path, GOOD, length=b"Content-Length: 99"),
            request(path, GOOD + hidden, length=b"Content-Length: %d" % len(GOOD)),
            request(path, b"0\r\n\r\n" + hidden, chunked, length=b"Content-Length: 4"),
            request(path, b"5\r\nabc", chunked, length=b""),
            request(path, b"zz\r\n{}\r\n0\r\n\r\n", chunked, length=b""),
            request(path, b"-2\r\n{}\r\n0\r\n\r\n", chunked, length=b""),
            request(path, b"ffffffffffffffffff\r\n{}", chunked, length=b""),
            request(path, b"2;" + b"e" * 9000 + b"\r\n{}\r\n0\r\n\r\n", chunked, length=b""),
            request(path, b"2\n{}\n0\n\n", chunked, length=b""),
            request(path, b"1\r\n{\r\n" * 400 + b"0\r\n\r\n", chunked, length=b""),
            request(path, b"2\r\n{}\r\n0\r\nX: " + b"y" * 80_000 + b"\r\n\r\n", chunked, length=b""),
            request(path, GOOD, b"Transfer-Encoding: gzip, chunked", length=b""),
            request(path, GOOD, b"Transfer-Encoding: xchunked", length=b""),
            request(path, GOOD, b"Transfer-Encoding : chunked", length=b""),
            request(path, GOOD, b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", length=b""),
            request(path, GOOD, b"Expect: 100-continue"),
            request(path, GOOD, b"Expect: tea"),
            request(path, GOOD, b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"),
            request(path, GOOD, b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk"),
        ]
    )


def heads(chance: random.Random) -> bytes:
    """Request lines and header fields that are too long, too many, garbled or forbidden."""
    path = chance.choice(PATHS)
    method = chance.choice([b"GET", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"BREW", b"P\x00ST", b"post"])
    strange = [
        b"/" * 9000, b"/in/orders?" + b"a=1&" * 3000, b"*", b"http://evil.example/in/orders", b"/in/%00", b"/in/%ff%fe",
        b"/in/../in/orders", b"//in/orders", b"/in/orders/", b"/in/" + b"x" * 500, "/in/ö".encode(), b"\\in\\orders",
        b"/in/quotes/results/" + b"0" * 32, b"/in/quotes/results/..%2f..", b"/v1/messages/" + b"f" * 32,
        b"/v1/messages/'; drop table--", b"/api/stock/%2e%2e?warehouse=A", b"/api/stock/00042?warehouse=%ff", b"",
        b"/api/stock/00042?warehouse=%0d%0aX:y", b"/api/stock/" + "٠٠٠٤٢".encode() + b"?warehouse=A", b"/openapi.json",
    ]  # fmt: skip
    fields = [
        b"X-Big: " + b"b" * 40_000, b"\r\n".join(b"X-%d: y" % number for number in range(150)), b": empty", b"No-Colon",
        b" folded: line", b"X: a\r\n b", b"X\x00Y: z", b"X: \x01\x02\x7f", "X: ü☃".encode(), b"Host: y",
        b"Idempotency-Key: \xff\xfe", b"Idempotency-Key: " + b"k" * 900, b'Idempotency-Key: ""',
        b"webhook-id: a.b\r\nwebhook-signature: v1,", b"Cookie: " + b"c" * 9000, b"Content-Encoding: gzip, br",
        b"Authorization: Basic " + b"=" * 900, b"Authorization: Bearer " + b"." * 900, b"Accept: " + b"a/b," * 900,
        b"Accept: image/png", b"Accept: */*;q=nan", b"Prefer: respond-async, wait=-1", b"ce-id: %ff%00",
        b"X-Sign: t=,v1=,,,=", b"Range: bytes=0-0,0-0", b"traceparent: 00-" + b"0" * 900, b"Content-Type: \r\n",
    ]  # fmt: skip
    return chance.choice(
        [
            request(path, GOOD, method=method),
            request(chance.choice(strange), GOOD, method=chance.choice([b"POST", b"GET"])),
            request(path, GOOD, *chance.sample(fields, chance.randrange(1, 4))),
            request(path, GOOD, host=chance.choice([b"", b"a b", b"x" * 5000, b"evil.example:99999", b"\xff"])),
            request(path, GOOD, host=b"x\r\nHost: y"),
            request(path, GOOD).replace(b"Host: x\r\n", b""),
            request(path, GOOD).replace(
                b"HTTP/1.1", chance.choice([b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"XTTP/1.1"])
            ),
            request(path, GOOD).replace(b"\r\n", b"\n"),
            request(path, GOOD).replace(b"\r\n", b"\r"),
            b"\r\n" * chance.randrange(200) + request(path, GOOD),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(200),
            chance.randbytes(chance.randrange(1, 600)),
        ]
    )


def bodies(chance: random.Random) -> bytes:
    """Bodies that are too deep, too large, not what they say, or made to cost more than they weigh."""
    deep = chance.choice([70, 1000, 100_000])
    body = chance.choice(
        [
            b"", b" ", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe{\x00}\x00", b"null", b"[]", b"0", b'"x"', b"-", b"NaN",
            b"[" * deep, b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep, b'{"a":1,"a":2}',
            b'{"n":' + b"9" * 5000 + b"}", b'{"n":1e999999999}', b'{"n":-0.0e-999999}', b'{"a":"\\ud800"}',
            b'{"a":"\xc3\x28"}', b'{"a":"\xed\xa0\x80"}', b'{"__proto__":{},"constructor":1}', b"{" + GOOD, GOOD + b"}",
            b'{"' + b"k" * 70_000 + b'":1}', b"[" + b"1," * 60_000 + b"1]", b'{"a":"' + b"\\u0000" * 3000 + b'"}',
            b"\n" * 5000, GOOD + b"\n" + b"}{\n" + GOOD, b"\r\n".join([GOOD] * 300), b'"a;b\n' * 200, b"a;b\n" * 9000,
            json.dumps([{"specversion": "1.0", "id": "x", "source": "s", "type": "t"}] * 1100).encode(),
            json.dumps({"specversion": "1.0", "id": "x", "source": "s", "type": "t", "data_base64": "%%"}).encode(),
            json.dumps({"specversion": 1, "id": [], "source": {}, "type": None}).encode(), b"x" * 300_000,
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', chance.randbytes(chance.randrange(900)),
            bytes(byte if chance.random() > 0.03 else chance.randrange(256) for byte in GOOD),
            json.dumps({"number": "H1", "quantity": chance.choice([0, -1, 1.5, "1", None, [], 10**40])}).encode(),
        ]
    )  # fmt: skip
    return request(chance.choice(PATHS), body, b"Content-Type: " + chance.choice(TYPES))


def several(chance: random.Random) -> bytes:
    """Requests behind each other on one connection, the last of them bad."""
    good = request(b"/livez", b"", method=b"GET", length=b"").replace(b"Connection: close\r\n", b"")
    return good * chance.randrange(1, 60) + chance.choice(KINDS[:3])(chance)


KINDS: list[Callable[[random.Random], bytes]] = [framing, heads, bodies, several]


def hostile(number: int) -> bytes:
    """Return one request of the corpus; the same number is always the same request."""
    chance = random.Random(number)
    return KINDS[chance.choice((0, 0, 1, 1, 2, 2, 3))](chance)
