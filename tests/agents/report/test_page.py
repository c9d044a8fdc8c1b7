from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from matsmith.agents.report.collect import collect
from matsmith.agents.report.page import render_page
from matsmith.core.ledger import Ledger

MakeRun = Callable[..., Ledger]
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> ]]> --> </style></details> javascript:alert(1) "
    "{r:dead.beef \u202egnp.exe \x1b[2J\x00 & &lt;b&gt;"
)


class Page(HTMLParser):
    """The page as a browser takes it apart."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.scripts = ""
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts += data
        elif self._inside != "style":
            self.text += data

    def all(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def read(ledger: Ledger) -> Page:
    return Page(render_page(collect(ledger)))


def check_sound(page: Page) -> None:
    """What must hold for every page, whatever stands in the ledger."""
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    fragments = [href for href in page.all("href") if href.startswith("#")]
    assert {href[1:] for href in fragments} <= set(ids), "a link leads nowhere"
    assert all(href.startswith(("#", "candidates/")) for href in page.all("href"))
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint(
        {"img", "iframe", "object", "embed", "link", "form", "base", "video", "image", "use"}
    )
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not page.all("src")


def test_every_value_leads_to_a_record_that_holds_it(make_run: MakeRun) -> None:
    ledger = make_run()
    page = read(ledger)
    check_sound(page)
    numbers = [
        attributes for tag, attributes in page.tags if tag == "a" and "num" in attributes.get("class", "")
    ]
    assert len(numbers) > 100
    assert all(attributes["href"].startswith("#r-") for attributes in numbers)
    for candidate in collect(ledger).candidates:
        for quantity in candidate.quantities:
            assert quantity.text in page.text
            assert f"#r-{quantity.record}" in {attributes["href"] for attributes in numbers}


def test_verdicts_stand_in_words_margins_and_probabilities(make_run: MakeRun) -> None:
    text = read(make_run()).text
    for words in (
        "0.002 ± 0.028 eV/atom",
        "met",
        "not met",
        "unknown",
        "+88 GPa",
        "95.7 %",
        "> 99.9 %",
        "as low as possible",
    ):
        assert words in text


def test_the_page_allows_nothing_but_its_own_script(make_run: MakeRun) -> None:
    page = read(make_run())
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(page.scripts.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe-eval" not in policy


def test_the_page_asks_nobody_for_anything(make_run: MakeRun) -> None:
    text = render_page(collect(make_run()))
    assert not re.findall(r"(?:https?:)?//[a-z]", text.split("<script>")[0])
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)


def test_hostile_words_are_inert_everywhere(make_run: MakeRun) -> None:
    page = read(make_run(objective=HOSTILE, words=HOSTILE))
    check_sound(page)
    assert "alert" not in page.scripts
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text


@pytest.mark.parametrize(
    "wishes", [{"count": 0, "rejected": 0, "stop": False}, {"count": 0, "rejected": 30}, {"count": 1}]
)
def test_small_and_empty_runs(make_run: MakeRun, wishes: dict[str, object]) -> None:
    page = read(make_run(**wishes))
    check_sound(page)
    if not wishes["count"]:
        assert "No candidate" in page.text
    if not wishes.get("stop", True):
        assert "matsmith resume" in page.text


def test_a_run_without_a_plan(make_run: MakeRun) -> None:
    report = collect(make_run()).model_copy(update={"spec": None})
    check_sound(Page(render_page(report)))


def test_a_number_whose_record_is_gone_shows_as_a_gap(make_run: MakeRun) -> None:
    report = collect(make_run(count=1, rejected=0))
    density = next(one for one in report.candidates[0].quantities if one.name == "density")
    del report.records[density.record]
    page = Page(render_page(report))
    assert f"#r-{density.record}" not in page.all("href")
    assert density.text not in page.text


def test_three_hundred_candidates(make_run: MakeRun) -> None:
    ledger = make_run(count=300, rejected=100)
    text = render_page(collect(ledger))
    assert len(text.encode()) < 3_000_000
    page = Page(text)
    check_sound(page)
    assert len([1 for _, a in page.tags if a.get("id", "").startswith("c-")]) == 300


def test_enormous_text_does_not_make_an_enormous_page(make_run: MakeRun) -> None:
    text = render_page(collect(make_run(count=24, objective="x" * 2_000_000, words="<y>" * 3000)))
    assert len(text.encode()) < 3_000_000
    check_sound(Page(text))
