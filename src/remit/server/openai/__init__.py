"""Agents for clients of OpenAI's API: Chat Completions and Responses, each a view of the journal."""

from remit.server.openai.front import BASE, front

__all__ = ["BASE", "front"]
