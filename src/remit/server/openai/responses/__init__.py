"""Responses: conversations that go on from an id, with what the agent did and asks for."""
