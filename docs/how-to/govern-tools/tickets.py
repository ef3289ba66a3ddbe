"""A stand-in for the ticket system of `tickets.yaml`: `python tickets.py`.

It listens on a free port and writes its address to `tickets.url`. While there is a file `renamed` that says `OLD=NEW`,
it calls a field so, as the next release of the real one might.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "Bearer not-a-real-token"
RENAMED = Path("renamed")

tickets = {"T-1": {"id": "T-1", "title": "The lamp is dark", "priority": "high", "status": "open", "notes": []}}
orders = {"O-1": {"id": "O-1", "item": "a lamp", "usd": 1000, "refunded": 0}}
customers = {"C-1": {"id": "C-1", "name": "Ann", "card": "4000-0000-0000-0002"}}


class Tickets(BaseHTTPRequestHandler):
    """Answers one request after the other."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer."""
        old, _, new = RENAMED.read_text().strip().partition("=") if RENAMED.exists() else ("", "", "")
        said = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        body = json.loads(said.replace(f'"{new}":', f'"{old}":') or "{}")
        known = self.headers.get("authorization") == TOKEN
        status, answer = self.answer(body) if known else (401, "who are you?")
        text = json.dumps(answer).replace(f'"{old}":', f'"{new}":').encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()

    def do_POST(self) -> None:
        """Answer as to GET."""
        self.do_GET()

    def answer(self, body: dict[str, object]) -> tuple[int, object]:
        """Give the status and the answer."""
        path, _, query = self.path.partition("?")
        kind, key, act = (*path.strip("/").split("/"), "", "")[:3]
        if path == "/tickets" and self.command == "GET":
            wanted = query.removeprefix("status=")
            return 200, [one for one in tickets.values() if wanted in ("", one["status"])]
        if path == "/tickets":
            made = {"id": f"T-{len(tickets) + 1}", "priority": "low", "status": "open", "notes": []} | body
            return 201, tickets.setdefault(made["id"], made)
        found = {"tickets": tickets, "orders": orders, "customers": customers}.get(kind, {}).get(key)
        if found is None:
            return 404, f"there is no {kind.rstrip('s')} of this id"
        match act:
            case "notes":
                found["notes"].append(body["text"])
            case "close":
                found["status"] = "closed"
            case "refunds":
                found["refunded"] += body["usd"]
        return 200, found

    def log_message(self, *args: object) -> None:
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Tickets)
url = f"http://127.0.0.1:{server.server_port}"
Path("tickets.url").write_text(url)
sys.stdout.write(f"the ticket system is at {url}\n")
sys.stdout.flush()
server.serve_forever()
