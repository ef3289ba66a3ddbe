"""HTML as a reader sees it."""

import pytest

from remit.apps.desk.mail.hypertext import read_html


def test_markup_becomes_readable_lines() -> None:
    page = read_html(
        "<h1>Hi</h1><p>one<br>two &amp; three</p><ul><li>a</li><li>b</li></ul><table><tr><td>x<td>y</table>"
    )
    assert page.text == "Hi\n\none\ntwo & three\n\n- a\n- b\n\nx y"
    assert page.hidden == ()


def test_quotations_are_marked() -> None:
    assert read_html("new<blockquote>old<br>older</blockquote>").text == "new\n> old\n> older"


def test_scripts_styles_and_titles_are_no_text() -> None:
    assert read_html("<title>t</title><style>p{}</style><script>alert('<p>x</p>')</script>shown").text == "shown"


def test_preformatted_text_keeps_its_lines() -> None:
    assert read_html("<pre>a\n  b</pre>").text == "a\nb"


@pytest.mark.parametrize(
    "markup",
    [
        "<span style='display:none'>secret</span>",
        "<span style='DISPLAY : NONE'>secret</span>",
        '<div style="visibility:hidden"><b>secret</b></div>',
        "<p style='font-size:0px'>secret</p>",
        "<p style='font-size:1px;color:red'>secret</p>",
        "<p style='opacity:0'>secret</p>",
        "<p style='color:#fff'>secret</p>",
        "<p style='color: white; background: #FFFFFF'>secret</p>",
        "<font color=white>secret</font>",
        "<table bgcolor='#123456'><tr><td style='color:#123456'>secret</table>",
        "<p style='color:rgb(255, 255, 255)'>secret</p>",
        "<p style='color:#fefefe'>secret</p>",
        "<p hidden>secret</p>",
        "<p style='position:absolute;left:-9999px'>secret</p>",
        "<div style='height:0;overflow:hidden'>secret</div>",
        "<p style='mso-hide:all'>secret</p>",
        "<style>.q{display:none}</style><p class='q'>secret</p>",
        "<p title='<' style='display:none'>secret</p>",
        "<!-- secret -->",
        "<!-- secret",
        "<b>" * 300 + "secret",
    ],
)
def test_what_a_reader_cannot_see_is_kept_apart(markup: str) -> None:
    page = read_html(f"<p>shown</p>{markup}")
    assert page.text == "shown"
    assert "secret" in " ".join(page.hidden)


@pytest.mark.parametrize(
    "markup",
    [
        "<p style='font-size:12pt'>plain</p>",
        "<p style='font-size:0.9em'>plain</p>",
        "<div style='background:#000'><p style='color:#fff'>plain</p></div>",
        "<p style='line-height:0;max-height:100px'>plain</p>",
        "<p style='opacity:0.8'>plain</p>",
        "<span style='display:none'></span>plain",
        "<p style='color:#333333'>plain</p>",
        "<!--[if mso]><p>layout</p><![endif]-->plain",
    ],
)
def test_what_a_reader_can_see_stays(markup: str) -> None:
    page = read_html(markup)
    assert page.text == "plain"
    assert page.hidden == ()
