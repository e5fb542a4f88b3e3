"""The links of README and docs lead somewhere: to a file that exists, and to a heading in it."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md"]
CODE = re.compile(r"^(```|~~~).*?^\1[ ]*$|^ {4}[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def prose(page):
    """A page without its code; of what stands between backticks in a link, the brackets are left."""
    return CODE.sub("code", page)


def links(page):
    """The targets of [text](target) and ![text](target), in prose."""
    return re.findall(r"\]\(([^()\s]+)(?:\s+\"[^\"]*\")?\)", prose(page))


def anchors(page):
    """What the headings are called in links, by the rule of GitHub; the second of a name gets -1."""
    fences = re.compile(r"^(```|~~~).*?^\1[ ]*$", re.MULTILINE | re.DOTALL)
    seen, found = {}, set()
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", fences.sub("", page), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        kept = "".join(c for c in text.lower() if c.isalnum() or c in "_- ").replace(" ", "-")
        number = seen.get(kept, 0)
        seen[kept] = number + 1
        found.add(f"{kept}-{number}" if number else kept)
    return found


def broken(path):
    """Each relative link of a page that leads nowhere, and why."""
    for target in links(path.read_text(encoding="utf-8")):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue  # the network is not asked
        name, _, anchor = unquote(target).partition("#")
        goal = (path.parent / name).resolve() if name else path
        if not goal.is_relative_to(ROOT.resolve()) or not goal.exists():
            yield f"{target}: no such file"
        elif anchor and (goal.suffix != ".md" or anchor not in anchors(goal.read_text(encoding="utf-8"))):
            yield f"{target}: no such heading"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_links_of_a_page_lead_to_files_and_headings_that_exist(path):
    assert list(broken(path)) == []


def test_the_index_leads_to_every_page_once():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    rows = [target for target in links(index) if "/" not in target and "#" not in target]
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert sorted(rows) == sorted(pages)


def test_readme_leads_to_the_index():
    assert "docs/README.md" in links((ROOT / "README.md").read_text(encoding="utf-8"))


def test_a_link_that_leads_nowhere_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "other.md").write_text(
        "# A heading, with `code` & more\n\n```sh\n# no heading\n```\n\n# Twice\n# Twice\n"
    )
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md#a-heading-with-code--more) [b](other.md#twice-1) ![c](other.md 'x') [d](https://x.y/z)\n"
        "[`e`](gone.md) [f](other.md#no-heading) [g](#nowhere) [h](../other.md) `[i](code.md)`\n\n"
        "```md\n[j](fence.md)\n```\n\n    [k](block.md)\n"
    )
    assert list(broken(page)) == [
        "gone.md: no such file",
        "other.md#no-heading: no such heading",
        "#nowhere: no such heading",
        "../other.md: no such file",
    ]
