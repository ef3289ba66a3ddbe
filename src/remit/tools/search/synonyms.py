"""Synonyms: verbs that APIs commonly use for the same operation.

The table is small and general on purpose: operations, and nothing of any trade. Each word is in one group only.
"""

_GROUPS = (
    "create add make new insert register open begin start generate",
    "get fetch retrieve read show view load describe inspect",
    "list search query find browse enumerate",
    "update edit patch modify change alter amend correct adjust rename set",
    "delete remove destroy erase drop purge",
    "send post publish deliver dispatch",
    "cancel abort stop terminate revoke withdraw",
    "close complete finish end",
    "assign delegate",
    "approve accept confirm authorize",
    "archive deactivate disable retire suspend",
    "move relocate transfer migrate",
    "export download save",
    "restart rerun retry reboot",
    "restore recover revert rollback",
    "resolve acknowledge",
    "upload attach import",
)

SYNONYMS = {word: group.split()[0] for group in _GROUPS for word in group.split()}
"""The first word of its group, by word."""
