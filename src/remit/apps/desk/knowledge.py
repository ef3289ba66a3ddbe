"""The knowledge base: a folder of Markdown articles, searched by keyword."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from remit.apps.desk.mind.words import Corpus, words
from remit.core.errors import ConfigError

ARTICLES = Path(__file__).parent / "data" / "knowledge"
"""The articles of the fictional company the samples are about."""
_SNIPPET = 300
_TITLE_WEIGHT = 3


class Hit(msgspec.Struct, frozen=True):
    """An article that may answer a question."""

    title: str
    path: str
    """Relative to the folder."""
    snippet: str
    """The paragraph nearest to the question."""
    score: float


@dataclass(frozen=True)
class Article:
    """One Markdown file."""

    title: str
    path: str
    paragraphs: Sequence[str]


@dataclass(frozen=True)
class Knowledge:
    """Articles, ready to be searched."""

    articles: Sequence[Article]
    corpus: Corpus

    @classmethod
    def load(cls, folder: Path = ARTICLES) -> "Knowledge":
        """All .md files under `folder`; `ConfigError` when there are none."""
        files = sorted(folder.rglob("*.md")) if folder.is_dir() else []
        if not files:
            raise ConfigError(f"no knowledge base in {str(folder)!r}; expected Markdown files (*.md)")
        articles = [_article(file, folder) for file in files]
        texts = ("\n".join([article.title] * _TITLE_WEIGHT + list(article.paragraphs)) for article in articles)
        return cls(articles, Corpus.of(texts))

    def search(self, query: str, *, limit: int = 3) -> tuple[Hit, ...]:
        """The best articles for `query`, best first; none when no word is shared."""
        return tuple(
            Hit(article.title, article.path, _nearest(article.paragraphs, query), round(score, 3))
            for index, score in self.corpus.rank(query)[:limit]
            for article in [self.articles[index]]
        )


def _article(file: Path, folder: Path) -> Article:
    text = file.read_text(encoding="utf-8", errors="replace")
    blocks = [" ".join(block.split()) for block in text.replace("\r\n", "\n").split("\n\n")]
    heading = next((block.lstrip("# ") for block in blocks if block.startswith("# ")), file.stem)
    paragraphs = [block for block in blocks if block and not block.startswith("#")]
    return Article(heading, file.relative_to(folder).as_posix(), paragraphs)


def _nearest(paragraphs: Sequence[str], query: str) -> str:
    asked = set(words(query))
    best = max(paragraphs, key=lambda paragraph: len(asked & set(words(paragraph))), default="")
    return best if len(best) <= _SNIPPET else best[:_SNIPPET].rsplit(" ", 1)[0] + " …"
