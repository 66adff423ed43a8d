"""The search finds words on all pages, in a browser without a network, by keyboard and by address."""

import pytest
from selenium.webdriver.common.keys import Keys
from test_guides import told  # noqa: F401  (a fixture)
from test_pages import asked_of_the_network, browser  # noqa: F401  (a fixture)

pytestmark = pytest.mark.xdist_group("pages")


def results(page):
    """Links and their texts, and what is spoken."""
    found = page.execute_script(
        "return [...document.querySelectorAll('#found a')].map(a => [a.getAttribute('href'), a.textContent])"
    )
    return [tuple(one) for one in found], page.find_element("id", "told").text


def test_a_search_finds_headings_first_and_leads_to_them(told, browser):  # noqa: F811
    address = (told.reports / "search.html").as_uri()
    browser.get(f"{address}?q=FIRST+words")
    assert results(browser) == ([("docs/zebra.html#a-guide-with-x", "A guide with x")], "1 place found")
    assert [mark.text for mark in browser.find_elements("css selector", "mark")] == ["First", "words"]
    browser.get(f"{address}?q=links")
    found, spoken = results(browser)
    assert [href for href, _ in found[:2]] == ["docs/zebra.html#links", "docs/zebra.html#links-1"]
    assert spoken.endswith("places found")
    browser.find_element("css selector", "#found a").click()
    assert browser.current_url.endswith("docs/zebra.html#links")
    assert browser.execute_script("return document.querySelector(':target').textContent").startswith("Links")
    assert browser.get_log("browser") == []
    assert asked_of_the_network(browser) == []


def test_a_search_is_typed_spoken_and_kept_in_the_address(told, browser):  # noqa: F811
    browser.get((told.reports / "index.html").as_uri())
    link = browser.find_element("css selector", "nav.site a:last-child")
    link.send_keys(Keys.ENTER)
    field = browser.switch_to.active_element
    assert field.get_attribute("id") == "asked"
    field.send_keys("zzz")
    spoken = browser.find_element("id", "told")
    assert spoken.get_attribute("role") == "status"
    browser.implicitly_wait(0)
    wait(lambda: spoken.text.startswith("No places found: is it spelt so?"))
    field.send_keys(Keys.BACKSPACE * 3, "gŭid")
    wait(lambda: results(browser)[0])
    assert browser.current_url.endswith("?q=g%C5%ADid")
    browser.refresh()
    assert results(browser)[0]
    assert browser.get_log("browser") == []


def test_what_is_searched_for_runs_nothing(told, browser):  # noqa: F811
    browser.get((told.reports / "search.html").as_uri() + "?q=%3Cscript%3Ewindow.ran=1%3C/script%3E")
    assert browser.execute_script("return window.ran") is None
    browser.get((told.reports / "search.html").as_uri() + "?q=script")
    assert results(browser)[0]
    assert browser.execute_script("return [window.ran, document.scripts.length]") == [None, 2]


def wait(condition):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(None, 10).until(lambda _: condition())
