"""A shop behind real sockets: what a document describes, written without anything of Remit."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

DOCUMENT = """
openapi: 3.0.3
info: {title: Shop, version: "1"}
servers: [{url: "http://127.0.0.1:{port}/v1", variables: {port: {default: "80"}}}]
security: [{key: []}]
paths:
  /orders:
    get:
      operationId: orders/list
      summary: List orders.
      parameters:
        - {name: page, in: query, schema: {type: integer}}
      responses:
        200: {content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}
    post:
      operationId: orders/create
      summary: Order something.
      parameters:
        - {name: Idempotency-Key, in: header, required: true, schema: {type: string}}
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}
  /orders/{item}:
    get:
      operationId: orders/get
      parameters:
        - {name: item, in: path, required: true, schema: {type: string}}
  /refunds:
    post: {operationId: refund, summary: Give money back.}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}
  schemas:
    Order:
      type: object
      required: [id, item, count]
      properties:
        id: {type: integer, readOnly: true}
        item: {type: string}
        count: {type: integer}
        note: {type: string, nullable: true}
"""
KEY = "key-of-the-shop"

Answer = tuple[int, Any, dict[str, str]]


@dataclass
class Shop:
    """Its orders, and how often each thing was asked of it."""

    port: int = 0
    orders: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    by_key: dict[str, Any] = field(default_factory=dict[str, Any])
    asked: list[str] = field(default_factory=list[str])
    cuts: int = 0
    """Answers to POST that are lost on their way, after the order was made."""

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """Do what is asked; `None` when the answer is lost."""
        parts = urlsplit(target)
        self.asked.append(f"{method} {parts.path}")
        if headers.get("x-key") != KEY:
            return 401, {"error": "who are you?"}, {}
        match method, [unquote(part) for part in parts.path.split("/")[2:]]:
            case "GET", ["orders"]:
                page = int(parse_qs(parts.query).get("page", ["1"])[0])
                more = {"link": f'</v1/orders?page={page + 1}>; rel="next"'} if page < len(self.orders) else {}
                return 200, self.orders[page - 1 : page], more
            case "GET", ["orders", item]:
                found = [order for order in self.orders if order["item"] == item]
                return (200, found[0], {}) if found else (404, {"error": f"no {item}"}, {})
            case "POST", ["orders"]:
                return self.order(headers["idempotency-key"], json.loads(body))
            case _:
                return 500, {"error": "broken"}, {}

    def order(self, key: str, order: dict[str, Any]) -> Answer | None:
        """Make an order once a key."""
        if order["count"] < 1:
            return 422, {"error": "count must be 1 or more"}, {}
        if key not in self.by_key:
            self.by_key[key] = {**order, "id": len(self.orders) + 1}
            self.orders.append(self.by_key[key])
        if self.cuts:
            self.cuts -= 1
            return None
        return 201, self.by_key[key], {}


@asynccontextmanager
async def serving() -> AsyncGenerator[Shop]:
    """Open a shop on loopback."""
    shop = Shop()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        said = shop.answer(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
        if said is not None:
            status, value, more = said
            body = json.dumps(value).encode()
            more = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"} | more
            lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in more.items()), "", ""]
            writer.write("\r\n".join(lines).encode() + body)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    async with server:
        shop.port = server.sockets[0].getsockname()[1]
        yield shop
