"""The playground's page in Chromium: what people see, type and hear read out."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from chromium import chromium_program, missing
from command_line import start

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

# The first test waits for the browser.
pytestmark = pytest.mark.timeout(120)

TIMEOUT = 5


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if importlib.util.find_spec("playwright") is None:
        missing("playwright is not installed")
    program = chromium_program()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def url(browser: Browser) -> Iterator[str]:
    with start("playground", "--port", 0, "--timeout", TIMEOUT) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("Playground: ").strip()
        process.terminate()
        process.wait(20)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def opened(context: BrowserContext, url: str) -> Iterator[Callable[..., Page]]:
    """Opens tabs; the page itself must complain of nothing."""
    complaints: list[str] = []

    def open_tab(fragment: str = "") -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.goto(url + fragment)
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield open_tab
    assert complaints == []


@pytest.fixture
def page(opened: Callable[..., Page]) -> Page:
    return opened()


def says(locator: Locator, text: str | re.Pattern[str]) -> None:
    """Wait until a part of the page says something."""
    from playwright.sync_api import expect

    expect(locator).to_contain_text(text, timeout=15_000)


def editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Code")


def status(page: Page) -> Locator:
    return page.get_by_role("status")


def run(page: Page, code: str, end: str = "Done") -> None:
    """Run code by the button, and wait for how it ends."""
    editor(page).fill(code)
    page.get_by_role("button", name="Run").click()
    says(status(page), end)


def value(page: Page, code: str) -> str:
    """The text of a result."""
    run(page, code)
    return page.locator("#result .value").first.inner_text()


def test_a_run_shows_result_console_and_figures(page: Page) -> None:
    from playwright.sync_api import expect

    says(status(page), "Ready")
    says(page.get_by_text("Limits").locator(".."), f"{TIMEOUT} s, heap 64 MiB")
    run(page, "console.log('hello', { n: 1 }); console.warn('careful'); ({ map: new Map([[1, 2]]), done: true })")
    log = page.get_by_role("log", name="Console")
    says(log, "hello { n: 1 }")
    says(log, "warning: careful")
    tree = page.get_by_role("tree", name="Result")
    root = tree.get_by_role("treeitem").first
    expect(root).to_have_attribute("aria-expanded", "true")
    says(tree, "Map(1) { 1 => 2 }")
    tree.get_by_text("Map(1)").last.click()
    says(tree.get_by_role("group").last, "1 => 2")
    says(page.locator("#heap"), "MiB")
    says(page.locator("#time"), re.compile(r"^\d.* m?s$"))
    assert value(page, "globalThis.n = (globalThis.n ?? 0) + 1") == "1"
    assert value(page, "globalThis.n = (globalThis.n ?? 0) + 1 ") == "2"
    page.get_by_role("button", name="Reset").click()
    says(status(page), "Reset")
    assert log.inner_text() == ""
    assert value(page, "typeof n") == '"undefined"'


def test_an_error_is_marked_in_the_editor(page: Page) -> None:
    from playwright.sync_api import expect

    run(page, "const fine = 1;\nfunction f() {\n  return fine.no.way;\n}\nf();", "Failed")
    says(page.get_by_role("alert"), "TypeError: Cannot read properties of undefined (reading 'way')")
    says(page.locator("#problem-text"), "Line 3, column 18")
    says(page.locator("#gutter .wrong"), "3")
    says(page.locator("#paint .wrong"), "way")
    expect(editor(page)).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Go to line").click()
    expect(editor(page)).to_be_focused()
    page.keyboard.type("X")
    expect(editor(page)).to_have_value(re.compile(r"fine\.no\.Xway"))
    # Once the code is another one, the mark is gone.
    expect(page.locator(".wrong")).to_have_count(0)
    run(page, "let a = [1,\n  2", "Failed")
    says(page.locator("#problem-text"), "Line 2, column 4: SyntaxError")
    run(page, "1", "Done")
    expect(page.locator("#problem")).to_be_hidden()


def test_an_endless_loop_is_stopped_by_the_limit_and_by_cancel(page: Page) -> None:
    from playwright.sync_api import expect

    run(page, "globalThis.kept = 5; for (;;) {}", "Stopped at the time limit")
    says(page.get_by_role("alert"), f"did not end within {TIMEOUT} s")
    run(page, "for (;;) {}", "Running")
    expect(page.get_by_role("button", name="Run")).to_be_disabled()
    page.get_by_role("button", name="Cancel").click()
    says(status(page), "Cancelled after")
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
    assert value(page, "kept") == "5"


def test_output_appears_while_the_run_goes_on(page: Page) -> None:
    wait = "await new Promise((done) => setTimeout(done, 6e4))"
    code = f"(async function* () {{ console.log('line'); yield {{ n: 1 }}; yield 'two'; {wait} }})()"
    run(page, code, "Running")
    chunks = page.get_by_role("tree", name="Chunks of the stream")
    says(chunks, "{ n: 1 }")
    says(chunks, '"two"')
    says(page.get_by_role("log"), "line")
    says(status(page), "Running")
    page.keyboard.press("Escape")
    says(status(page), "Cancelled")


def test_two_tabs_are_apart(opened: Callable[..., Page]) -> None:
    first, second = opened(), opened()
    assert value(second, "globalThis.mine = 'second'") == '"second"'
    # Chromium draws the tab in front only.
    first.bring_to_front()
    assert value(first, "typeof mine") == '"undefined"'
    run(first, "globalThis.mine = 'first'; for (;;) {}", "Running")
    # One that is busy does not hold up the other.
    second.bring_to_front()
    assert value(second, "mine") == '"second"'
    first.bring_to_front()
    first.keyboard.press("Escape")
    says(status(first), re.compile("Cancelled|Stopped"))
    assert value(first, "mine") == '"first"'


def test_a_link_brings_the_code_back(page: Page, opened: Callable[..., Page]) -> None:
    from playwright.sync_api import expect

    code = "const text = 'Grüße, 世界 🌍';\ntext.length // \\ \"quotes\"\n"
    editor(page).fill(code)
    page.get_by_role("button", name="Share").click()
    says(status(page), "address bar")
    fragment = re.search(r"#code=[\w-]+$", page.url)
    assert fragment
    other = opened(fragment[0])
    expect(editor(other)).to_have_value(code)
    says(status(other), "Code from the link")
    # What was typed since is kept when the page is loaded again.
    editor(other).fill("'edited'")
    other.reload()
    expect(editor(other)).to_have_value("'edited'")
    damaged = opened("#code=%%%")
    says(status(damaged), "damaged")
    expect(editor(damaged)).to_have_value(re.compile("order"))


def test_it_is_used_with_the_keyboard_alone(page: Page) -> None:
    from playwright.sync_api import expect

    def focused() -> Any:
        return page.evaluate("() => document.activeElement.id || document.activeElement.getAttribute('role')")

    keys = page.keyboard
    assert focused() == "editor"
    keys.press("Control+A")
    keys.type("function f() {\nreturn { a: [1] };\n")
    keys.press("Shift+Tab")
    keys.type("}\n")
    keys.press("Tab")
    keys.type("f()")
    expect(editor(page)).to_have_value("function f() {\n  return { a: [1] };\n}\n  f()")
    keys.press("Control+Enter")
    says(status(page), "Done")
    assert focused() == "editor"
    # Tab indents in the editor, until Esc lets it go.
    keys.press("Escape")
    says(status(page), "Tab now leaves the editor")
    keys.press("Tab")
    assert focused() == "result"
    keys.press("Tab")
    assert focused() == "treeitem"
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        keys.press(key)
    says(page.locator(":focus .value").first, "1")
    keys.press("ArrowLeft")
    keys.press("ArrowLeft")
    expect(page.locator(":focus")).to_have_attribute("aria-expanded", "false")
    keys.press("Tab")
    assert focused() == "clear"
    keys.press("Shift+Tab")
    assert focused() == "treeitem"
    # By the buttons: Cancel takes the focus from Run while something runs, and gives it back.
    page.get_by_role("button", name="Run").focus()
    editor(page).evaluate("(field) => { field.value = 'for (;;) {}' }")
    keys.press("Enter")
    says(status(page), "Running")
    assert focused() == "cancel"
    keys.press("Space")
    says(status(page), "Cancelled")
    assert focused() == "run"
    names = [page.get_by_role("combobox", name=name) for name in ("Example", "Theme")]
    names[0].focus()
    names[0].select_option(label="Timers")
    expect(editor(page)).to_have_value(re.compile("tick"))
    names[1].select_option(label="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_examples_do_what_they_say(page: Page) -> None:
    ends = {
        "Values": "Done",
        "State between runs": "Done",
        "Web platform": "Done",
        "An error": "Failed",
        "Too much memory": "Stopped at the heap limit",
    }
    for title, end in ends.items():
        page.get_by_role("combobox", name="Example").select_option(label=title)
        page.get_by_role("button", name="Run").click()
        says(status(page), end)
    run(page, "1 + 1")
    says(page.get_by_role("log"), "this run began with a new one")
