"""The knowledge base."""

from pathlib import Path

import pytest

from remit.apps.desk.knowledge import Knowledge
from remit.core.errors import ConfigError


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("I forgot my password and the reset mail does not arrive", "reset-your-password.md"),
        ("error OS-4012 when uploading a big file", "orchard-sync-error-os-4012.md"),
        ("lost my phone with the authenticator app", "two-factor-authentication.md"),
        ("which ports in the firewall for Orchard Sync", "orchard-sync-network.md"),
        ("how do I restore an older version of a file", "restore-older-versions.md"),
        ("how to schedule a weekly report from Insights", "orchard-insights-reports.md"),
        ("VAT number missing on my invoice", "invoices-and-vat.md"),
        ("I was charged twice and want a refund", "refunds.md"),
        ("invite a colleague to my workspace", "invite-members.md"),
        ("connect single sign-on with our identity provider", "single-sign-on.md"),
        ("signature of webhooks of Orchard Pay", "orchard-pay-webhooks.md"),
        ("duplicates after renaming a folder", "orchard-sync-conflicts.md"),
    ],
)
def test_the_article_that_answers_comes_first(query: str, path: str) -> None:
    assert Knowledge.load().search(query)[0].path == path


def test_hits_are_ranked_and_show_the_nearest_paragraph() -> None:
    hits = Knowledge.load().search("recovery codes lost phone", limit=2)
    assert len(hits) == 2
    assert hits[0].score >= hits[1].score
    assert hits[0].title == "Two-factor authentication and lost phones"
    assert "recovery codes" in hits[0].snippet
    assert len(hits[0].snippet) <= 302


def test_there_are_at_least_twelve_articles_with_titles() -> None:
    articles = Knowledge.load().articles
    assert len(articles) >= 12
    assert len({article.title for article in articles}) == len(articles)


def test_nothing_in_common_finds_nothing() -> None:
    assert Knowledge.load().search("zyzzyva") == ()


def test_a_folder_of_ones_own_is_searched_with_its_subfolders(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "note.md").write_text("no heading here, only bananas")
    (hit,) = Knowledge.load(tmp_path).search("banana")
    assert (hit.title, hit.path) == ("note", "sub/note.md")


def test_a_folder_without_articles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no knowledge base"):
        Knowledge.load(tmp_path)
    with pytest.raises(ConfigError, match="no knowledge base"):
        Knowledge.load(tmp_path / "nowhere")
