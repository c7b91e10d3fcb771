"""The preview on Dagster's page says what the pages say, in Markdown that nothing from outside can break."""

from __future__ import annotations

from dashboards.phrasing.verdicts import verdict_words
from dashboards.preview import MOST_PICTURES, as_text, site_preview
from tests.dashboards import builders
from tests.dashboards.builders import STORIES, tell


def test_a_preview_has_the_verdict_the_picture_and_the_link_of_a_page() -> None:
    result = tell(builders.PROVEN)
    text = site_preview([result], "https://reports.example/")
    words = verdict_words(result)
    assert as_text(words.headline) in text
    assert as_text(words.advice) in text
    assert "\n\n![](data:image/png;base64,iVBOR" in text
    assert f"](https://reports.example/experiments/{result.experiment.id}.html)" in text


def test_a_site_of_many_tests_has_few_pictures_and_every_verdict() -> None:
    results = (
        [tell(story) for story in STORIES.values()] if isinstance(STORIES, dict) else [tell(one) for one in STORIES]
    )
    text = site_preview(results)
    assert 0 < text.count("![](data:") <= MOST_PICTURES
    assert all(as_text(verdict_words(result).headline) in text for result in results)


def test_what_came_from_outside_is_text() -> None:
    assert as_text("<b>a|b</b> [x](y)\n# `z`") == r"\<b\>a\|b\</b\> \[x\](y) \# \`z\`"
