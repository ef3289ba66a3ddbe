"""What messages say, as what is said to an agent."""

import base64
from typing import Any

import pytest

from remit.runtime import Attachment
from remit.server.openai.contents import Message, message, said, words
from remit.server.openai.problems import UnfitError

PDF = base64.b64encode(b"%PDF-1.7").decode()


def parts(*content: Any, role: str = "user") -> Message:
    return message({"role": role, "content": list(content)}, "messages[0]")


def test_words_of_all_kinds_of_parts_are_paragraphs() -> None:
    told = parts(
        {"type": "text", "text": "a"},
        {"type": "input_text", "text": "b"},
        {"type": "output_text", "text": "c"},
        {"type": "refusal", "refusal": "d"},
    )
    assert (told.by, told.text, told.attached) == ("user", "a\n\nb\n\nc\n\nd", ())


@pytest.mark.parametrize(
    ("part", "media", "name", "size"),
    [
        ({"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}, "application/pdf", "a.pdf", 8),
        ({"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"}, "application/pdf", "", 8),
        ({"type": "input_file", "file_url": "https://example.com/a.pdf"}, "application/pdf", "a.pdf", 0),
        ({"type": "input_image", "image_url": "https://example.com/a.jpg"}, "image/jpeg", "a.jpg", 0),
        ({"type": "image_url", "image_url": {"url": "https://example.com/a?id=1"}}, "image/png", "a", 0),
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.html"}}, "image/png", "a.html", 0),
    ],
)
def test_images_and_files_are_attached(part: Any, media: str, name: str, size: int) -> None:
    (found,) = parts(part).attached
    assert (found.media, found.name, len(found.data)) == (media, name, size)
    assert found.tokens > 0


@pytest.mark.parametrize(
    "part",
    [
        "text",
        {"type": "text"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_image", "image_url": "http://169.254.169.254/"},
        {"type": "input_image", "image_url": "data:image/png;base64,%%"},
        {"type": "input_image", "image_url": "data:image/png;base64,"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_file", "file_data": PDF},
        {"type": "input_file", "file_url": "http://example.com/a.pdf"},
        {"type": "input_file", "file_url": "https://example.com/nothing"},
        {"type": "file", "file": "x"},
        {"type": "input_audio"},
        {},
    ],
)
def test_what_nobody_can_attach_is_refused_with_its_place(part: Any) -> None:
    with pytest.raises(UnfitError) as found:
        parts({"type": "text", "text": "see"}, part)
    assert found.value.param == "messages[0].content[1]"


@pytest.mark.parametrize(
    "one",
    [
        {},
        {"role": "tool", "content": "x"},
        {"role": ["user"], "content": "x"},
        {"role": "user", "content": 3},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "assistant", "content": [{"type": "input_image", "image_url": "https://example.com/a.png"}]},
    ],
)
def test_what_is_no_message_to_an_agent_is_refused(one: Any) -> None:
    with pytest.raises(UnfitError):
        message(one, "input[0]")


def test_what_came_before_is_told_before_what_is_new() -> None:
    picture = Attachment("image/png", b"x")
    told = said(
        [
            Message("system", "Be brief."),
            Message("user", "look", (picture,)),
            Message("assistant", "nice"),
            Message("user", "and now?"),
        ]
    )
    assert words(told) == (
        "Be brief.\n\nEarlier in this conversation, as the client tells it:\n\n"
        "user: look\n\nassistant: nice\n\nAnd now:\n\nand now?"
    )
    assert list(told)[1:] == [picture]
    assert said([Message("user", "hi")]) == "hi"
