"""What MkDocs calls while it builds the site: it adds pages from outside docs/, measured numbers and diagrams."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

import charts
import mirror
import sequences
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

DIAGRAM = re.compile(r"!\[([^\]]*)\]\(([\w./-]+\.svg)\)")
SEQUENCE = re.compile(r"^```sequence\n(.*?)^```$", re.M | re.S)
MEASURED = re.compile(r"<!-- measured: (\w+) -->")
NAMED = re.compile(r"<code>docs/([\w/-]+\.md)</code>")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from files outside docs/."""
    for place, text in mirror.pages().items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links out of docs/ into links within the site, and put in diagrams and numbers."""
    place = page.file.src_uri
    if not page.file.generated_by:
        markdown = mirror.rewrite(markdown, f"docs/{place}", place)

    def inlined(found: re.Match[str]) -> str:
        svg = files.get_file_from_path(posixpath.normpath(posixpath.join(posixpath.dirname(place), found[2])))
        return found[0] if svg is None else figure(svg.content_string, found[1])

    markdown = DIAGRAM.sub(inlined, markdown)
    markdown = SEQUENCE.sub(lambda found: sequences.diagram(found[1]), markdown)
    return MEASURED.sub(lambda found: charts.RENDERERS[found[1]](), markdown)


def figure(svg: str, title: str) -> str:
    """The diagram as a part of the page, so that it has the colours of the theme."""
    one_line = re.sub(r"\s*\n\s*", " ", svg.strip())
    return f'<div class="diagram" role="img" aria-label="{title}">{one_line}</div>'


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make the pages that docstrings name, such as `docs/guides/limits.md`, links."""

    def linked(found: re.Match[str]) -> str:
        named = files.get_file_from_path(found[1])
        return found[0] if named is None else f'<a href="{named.url_relative_to(page.file)}">{named.page.title}</a>'

    return NAMED.sub(linked, content)
