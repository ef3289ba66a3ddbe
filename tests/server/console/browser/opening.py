"""What the fixture `opening` is, for the tests that take it."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Page

Opening = Callable[..., Awaitable["Page"]]
"""Opens a page for somebody new: `await opening(url, dark=False, narrow=False, strict=True, **options of a context)`.

`strict` has the test fail when a script of the page breaks or its policy refuses something.
"""
