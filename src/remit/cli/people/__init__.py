"""What people do to sessions: decide, answer, settle, send, raise a limit, cancel, close."""
