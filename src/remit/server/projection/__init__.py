"""Projection: what people look for across sessions, made from journals and kept beside them.

`port` is what can be asked, `running.projecting` keeps the answers for a home meanwhile.
"""
