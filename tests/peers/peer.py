"""A peer that has OpenTelemetry for Python and nothing of ours. `tests/peers/run` starts it.

It calls the service whose two addresses it is given (of those who are trusted, and of anyone), and compares what that
saw with what it set. Then it serves: it answers with what it sees itself, until its standard input ends.
"""

import http.client
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACES, BAGGAGE = TraceContextTextMapPropagator(), W3CBaggagePropagator()
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSEEN = {"parent": None, "state": "", "tenant": None, "plan": None}


def seen(lines):
    """What this library takes out of these lines, in the words of the answers."""
    carrier = {}
    for name, line in lines:
        carrier.setdefault(name.lower(), []).append(line)
    context = BAGGAGE.extract(carrier, TRACES.extract(carrier, Context()))
    span = trace.get_current_span(context).get_span_context()
    ids = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}" if span.is_valid else None
    state = span.trace_state.to_header() if span.is_valid and span.trace_state else ""
    entries = baggage.get_all(context)
    return {"parent": ids, "state": state, "tenant": entries.get("tenant"), "plan": entries.get("plan")}


def call(address, lines):
    """What the service saw in a request with these headers."""
    connection = http.client.HTTPConnection(*address.split(":"))
    connection.putrequest("GET", "/")
    for name, line in lines:
        connection.putheader(name, line)
    connection.endheaders()
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def injected(context):
    """The headers that this library writes."""
    headers = {}
    TRACES.inject(headers, context)
    BAGGAGE.inject(headers, context)
    return list(headers.items())


def contexts():
    """Contexts with spans of the SDK, with states, and with values of all kinds."""
    values = ["acme", "", "a=b=c", "100%", "ü & co", 'a,b;c"d\\e', "a+b", "x" * 500, "日本"]
    tracer = TracerProvider().get_tracer("peer")
    for at, value in enumerate(values):
        with tracer.start_as_current_span("work") as span:
            ids = span.get_span_context()
        state = TraceState([("rojo", "00f067aa0ba902b7"), ("t@s", "x y")][: at % 3])
        ids = SpanContext(ids.trace_id, ids.span_id, False, TraceFlags(at % 2), state)
        context = trace.set_span_in_context(NonRecordingSpan(ids), Context())
        context = baggage.set_baggage("tenant", value, context)
        context = baggage.set_baggage("plan", f"gold {at}", context)
        yield baggage.set_baggage("unknown", "1", context), ids, value


# Headers as no library writes them. `None`: both see the same in them. Else what we see, and what they do.
RAW = [
    ([("traceparent", PARENT)], None),
    ([("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")], None),
    ([("traceparent", "cc" + PARENT[2:])], None),
    ([("traceparent", "01" + PARENT[2:] + "-extra")], None),
    ([("traceparent", "01" + PARENT[2:] + "extra")], None),
    ([("traceparent", "ff" + PARENT[2:])], None),
    ([("traceparent", PARENT + "-")], None),
    ([("traceparent", PARENT + "-extra")], None),
    ([("traceparent", PARENT[:-2] + "1")], None),
    ([("traceparent", PARENT[:-2] + "+1")], None),
    ([("traceparent", PARENT[:-2] + "0102")], None),
    ([("traceparent", PARENT[:-2])], None),
    ([("traceparent", PARENT.upper())], None),
    ([("traceparent", "00-" + "0" * 32 + PARENT[35:])], None),
    ([("traceparent", PARENT[:36] + "0" * 16 + "-01")], None),
    ([("traceparent", "")], None),
    ([("tracestate", "a=1")], None),
    ([("baggage", "tenant=acme,plan=gold")], None),
    ([("baggage", "tenant = acme , plan\t=\tgold")], None),
    ([("baggage", "tenant=a=b=c")], None),
    ([("baggage", "tenant=one,tenant=two")], None),
    ([("baggage", "tenant,=v,plan=gold")], None),
    ([("baggage", "ten ant=x,plan=gold")], None),
    ([("baggage", "k=" + "v" * 8_190 + ",tenant=acme")], None),
    # Bits of the flags that nobody knows are not sent on.
    ([("traceparent", PARENT[:-2] + "ff")], ({"parent": PARENT[:-2] + "03"}, {"parent": PARENT[:-2] + "ff"})),
    # They look at the first line only.
    ([("traceparent", PARENT), ("traceparent", PARENT)], ({"parent": None}, {"parent": PARENT})),
    ([("baggage", "other=1"), ("baggage", "tenant=acme")], ({"tenant": "acme"}, {"tenant": None})),
    # They keep what is not encoded as it should be.
    ([("baggage", "tenant=%2")], ({"tenant": None}, {"tenant": "%2"})),
    ([("baggage", "tenant=%FF")], ({"tenant": None}, {"tenant": "\ufffd"})),
    # They read a plus as a space, which the recommendation does not.
    ([("baggage", "tenant=a+b")], ({"tenant": "a+b"}, {"tenant": "a b"})),
    # They take 180 members.
    ([("baggage", ",".join(f"k{n}=v" for n in range(64)) + ",tenant=acme")], ({"tenant": None}, {"tenant": "acme"})),
]


def compare(what, expected, got):
    if expected != got:
        sys.exit(f"{what}:\n  expected {expected}\n  saw      {got}")


def call_all(trusted, strangers):
    for context, ids, value in contexts():
        lines = injected(context)
        answer = call(trusted, lines)
        parent = f"00-{ids.trace_id:032x}-{ids.span_id:016x}-{ids.trace_flags:02x}"
        compare(lines, (parent, ids.trace_state.to_header()), (answer["parent"], answer["state"]))
        # This library writes a space as a plus.
        compare(lines, value.replace(" ", "+"), answer["tenant"])
        stranger = call(strangers, lines)
        compare(lines, UNSEEN, {name: stranger[name] for name in UNSEEN})
        compare(lines, parent, stranger["link"])
        assert any(line.startswith("tenant: NotTrusted") for line in stranger["rejected"]), stranger
    for lines, differs in RAW:
        ours, theirs = differs or ({}, {})
        got, here = call(trusted, lines), seen(lines)
        got = {name: got[name] for name in here}
        if differs is None:
            compare(lines, here, got)
        else:
            compare(lines, {**got, **ours}, got)
            compare(lines, {**here, **theirs}, here)
    return len(list(contexts())) * 2 + len(RAW)


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(seen(self.headers.items())).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    # What it refuses is told by its answers.
    logging.disable()
    made = call_all(*sys.argv[1:])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{made} calls agree; 127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()


main()
