"""Memory: what outlives a session and is found again, behind ports, and given to agents as tools."""

from remit.memory.lessons import Lesson, Lessons, MemoryLessons
from remit.memory.sqlite import SqliteLessons
from remit.memory.tools import lesson_tools

__all__ = ["Lesson", "Lessons", "MemoryLessons", "SqliteLessons", "lesson_tools"]
