"""The lab's page: an architecture is chosen, trained before one's eyes, and makes pictures."""

from __future__ import annotations

import io
import json
import re
import time
import urllib.error
import urllib.request
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from demos import images
from demos.architectures import ARCHITECTURES, Architecture
from demos.grids import COLUMNS, GAP, SCALE
from demos.looks import looks
from tests.browser.conftest import Server, choose_file, settle

pytestmark = pytest.mark.browser

LATE = """
const sent = window.fetch;
window.late = {};
window.fetch = async (...asked) => {
  const kind = new URL(asked[0].url ?? asked[0], location.href).pathname.split("/").at(-1);
  if (kind in window.late) await new Promise((later) => setTimeout(later, window.late[kind]));
  return sent(...asked);
};
"""
"""Requests of a page are sent late, by the last word of their paths: milliseconds."""


def visit(page: Page, server: Server) -> None:
    page.goto(f"{server.url}lab")
    expect(page.locator("#lab-train")).to_be_visible(timeout=30_000)
    page.wait_for_selector("#lab-list .result, #lab-list .run", state="attached", timeout=30_000)


def begin_long(page: Page) -> None:
    """Have a diffusion draw for a minute."""
    page.locator("button", has_text="More settings").first.click()
    page.fill("#lab-count input", "40")
    page.fill("#lab-steps input", "900")
    settle(page)
    page.click("#lab-make")
    expect(page.locator("#lab-made")).to_contain_text(re.compile("At work|Step"), timeout=15_000)


def trained_on_digits(page: Page, steps: int, others: str = "") -> Locator:
    """Start a training of the architecture that is chosen: its card. others: settings as name=value."""
    page.fill("#lab-data input", "digits")
    page.keyboard.press("Enter")
    page.fill("#lab-train-steps input", str(steps))
    if others:
        page.locator("button", has_text="More settings").locator("visible=true").last.click()
        page.fill("#lab-more input, #lab-more textarea", others)
    settle(page)
    before = page.locator("#lab-list .run").count()
    page.click("#lab-train")
    expect(page.locator("#lab-list .run")).to_have_count(before + 1, timeout=30_000)
    return page.locator("#lab-list .run").first


def test_train_leave_come_back_and_draw(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    visit(page, server)
    expect(page.locator("#lab-about")).to_contain_text("drowned in noise")
    page.get_by_role("radio", name="GAN").check()
    expect(page.locator("#lab-about")).to_contain_text("play against each other", timeout=15_000)
    expect(page.locator("#lab-label")).to_be_visible()
    page.get_by_role("radio", name="VAE").check()
    expect(page.locator("#lab-label")).not_to_be_visible(timeout=15_000)
    card = trained_on_digits(page, 8)
    expect(card).to_contain_text("VAE on digits", timeout=30_000)
    page.goto(f"{server.url}text")  # it goes on without the page
    visit(page, server)
    expect(card).to_contain_text("finished", timeout=90_000)
    shown = card.locator(".on-the-way img")
    expect(shown.first).to_have_attribute("alt", "What it makes after 8 steps")
    shown.first.scroll_into_view_if_needed()  # it is fetched when one can see it
    assert shown.first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400
    card.get_by_role("button", name="See what it makes").click()
    expect(page.get_by_role("radio", name="VAE")).to_be_checked(timeout=15_000)
    settle(page)
    page.click("#lab-make")
    made = page.locator("#lab-made img")
    expect(made).to_be_visible(timeout=60_000)
    assert made.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400
    page.get_by_role("radio", name="Diffusion").check()
    expect(page.locator("#lab-weights input")).to_have_value("Parley's own", timeout=15_000)
    begin_long(page)
    card.get_by_role("button", name="See what it makes").click()  # again, and while another makes something
    expect(page.locator("#lab-weights input")).to_have_value(re.compile("VAE on digits"), timeout=15_000)
    expect(page.locator("#lab-make")).to_be_enabled(timeout=60_000)
    expect(page.locator("#lab-made")).to_have_text("")
    address = shown.first.evaluate("image => image.src")
    for wrong in (address.replace("0000008", "../status"), address.replace("0000008.png", "..%2Fstatus.json")):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(wrong)
    card.get_by_role("button", name="Train as long again").click()
    expect(page.locator("#lab-list .run").first).to_contain_text("16", timeout=60_000)
    expect(page.locator("#lab-list .run")).to_have_count(2)
    older = page.locator("#lab-list .run").nth(1)
    older.locator("[data-act=delete]").click()  # while the other trains, and the list is drawn anew
    older.get_by_role("button", name="Really delete", exact=False).click()
    expect(page.locator("#lab-list .run")).to_have_count(1, timeout=15_000)


@pytest.mark.parametrize(
    ("title", "about", "steps", "others"),
    [
        ("VAE", "squeezed", 250, ""),
        pytest.param("GAN", "play against each other", 250, "width=24 batch_size=32", marks=pytest.mark.slow),
        pytest.param("Diffusion", "drowned in noise", 250, "width=32 batch_size=32", marks=pytest.mark.slow),
    ],
)
def test_samples_get_better_while_one_looks_on(
    title: str, about: str, steps: int, others: str, context: BrowserContext, server: Server
) -> None:
    page = context.new_page()
    visit(page, server)
    page.get_by_role("radio", name=title, exact=True).check()
    expect(page.locator("#lab-about")).to_contain_text(about, timeout=15_000)
    settle(page)
    card = trained_on_digits(page, steps, others)
    shown = card.locator(".on-the-way img")
    expect(shown.first).to_be_visible(timeout=90_000)
    seen: list[str] = []
    deadline = time.monotonic() + 400
    while "finished" not in card.inner_text() and time.monotonic() < deadline:
        newest = str(shown.first.get_attribute("alt"))
        seen += [newest] if newest not in seen else []
        page.wait_for_timeout(300)
    expect(shown.first).to_have_attribute("alt", f"What it makes after {steps} steps", timeout=15_000)
    assert len(seen) > 1, seen  # new ones came before it was done
    expect(shown.last).to_have_attribute("alt", "What it makes after 0 steps")
    first, last = (tiles(context, str(image.evaluate("image => image.src"))) for image in (shown.last, shown.first))
    assert not np.array_equal(first, last)
    real = images.digits().images[:, 0].numpy()
    assert away(last, real) < 0.7 * away(first, real)
    curve = card.locator(".curves figcaption").first
    if title == "GAN":  # neither of its losses need fall
        expect(curve).to_contain_text("generator")
        expect(card.locator(".curves")).to_contain_text("score of made")
        return
    expect(curve).to_contain_text("loss")
    begun, now = (float(number) for number in re.findall(r"(-?[\d.e+]+) (?:at first|now)", curve.inner_text()))
    assert now < begun


def tiles(context: BrowserContext, address: str) -> np.ndarray:
    """What a training made, as its page shows it: (count, 28, 28), the first row, of real pictures, left out."""
    sheet = np.asarray(Image.open(io.BytesIO(context.request.get(address).body())).convert("L"))
    side = images.SIZE * SCALE
    corners = [
        (top, left) for top in range(0, sheet.shape[0], side + GAP) for left in range(0, sheet.shape[1], side + GAP)
    ]
    return np.stack([sheet[top : top + side : SCALE, left : left + side : SCALE] for top, left in corners[COLUMNS:]])


def away(made: np.ndarray, real: np.ndarray) -> float:
    """How far each that was made is from the real picture nearest to it, in grey levels a pixel; the mean."""
    far = ((made[:, None].astype(np.float32) - real[None].astype(np.float32)) ** 2).mean((2, 3))
    return float(np.sqrt(far.min(1)).mean())


@pytest.mark.slow
def test_a_loss_is_chosen_from_a_list(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    visit(page, server)
    expect(page.locator("#lab-variant")).not_to_be_visible()
    page.get_by_role("radio", name="GAN").check()
    expect(page.locator("#lab-weights input")).to_have_value("Parley's own", timeout=30_000)
    beside = page.locator("#lab-weights, #lab-label").locator("[data-testid=block-info]")
    tops = beside.evaluate_all("labels => labels.map(label => label.getBoundingClientRect().top)")
    assert len(tops) == 2 and abs(tops[0] - tops[1]) < 1
    page.locator("#lab-variant input").click(timeout=15_000)
    page.get_by_role("option", name="Wasserstein with gradient penalty").click()
    card = trained_on_digits(page, 3)
    expect(card).to_contain_text("loss wgan-gp", timeout=30_000)
    expect(card).to_contain_text("finished", timeout=90_000)


SHIPPED = [each for each in ARCHITECTURES.values() if each.shipped.is_dir()]


@pytest.mark.parametrize("chosen", SHIPPED, ids=lambda each: each.name)
def test_every_architecture_works_at_the_first_click(
    chosen: Architecture, context: BrowserContext, server: Server
) -> None:
    page = context.new_page()
    visit(page, server)
    settle(page)
    page.get_by_role("radio", name=chosen.title, exact=True).check()
    expect(page.locator("#lab-weights input")).to_have_value("Parley's own", timeout=30_000)
    if chosen.makes:  # pressed at once: what was chosen is still on its way
        page.click("#lab-make")
        made = page.locator("#lab-made").locator("img" if chosen.makes == "pictures" else "pre")
        expect(made).to_be_visible(timeout=90_000)
    for number, each in enumerate(looks(chosen.name)):
        option = page.locator("#lab-look label").nth(number)
        expect(option).to_have_text(each.title)
        option.click()
        page.click("#lab-look-go")
        expect(page.locator("#lab-look-about")).to_have_text(each.told)
        expect(page.locator("#lab-look-shown figure").first).to_be_visible(timeout=90_000)
        expect(page.locator("#lab-look-stop")).not_to_be_visible(timeout=90_000)
    assert page.locator(".toast-body").count() == 0


def test_a_state_is_seen_while_it_writes(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    visit(page, server)
    settle(page)
    page.get_by_role("radio", name="Recurrent network").check()
    page.get_by_role("radio", name="Its state while it writes").check(timeout=15_000)
    expect(page.locator("#lab-look-about")).to_contain_text("drawn from", timeout=15_000)
    page.evaluate("""() => {
      window.seen = new Set();
      new MutationObserver(() => {
        const image = document.querySelector("#lab-look-shown svg.heat image");
        if (image) window.seen.add(image.getAttribute("href"));
      }).observe(document.querySelector("#lab-look-shown"), { childList: true, subtree: true, attributes: true });
    }""")
    page.click("#lab-look-go")
    expect(page.locator("#lab-look-shown pre")).to_be_visible(timeout=60_000)
    assert page.locator("#lab-look-shown svg.heat").count() == 1
    assert page.evaluate("window.seen.size") > 10  # it grew before one's eyes


LATE_END = """
  const native = window.fetch;
  window.fetch = async (...given) => {
    const response = await native(...given);
    if (!String(given[0].url ?? given[0]).includes("/queue/data")) return response;
    const late = new TransformStream({
      async transform(part, controller) {
        if (new TextDecoder().decode(part).includes("close_stream")) {
          window.ending = true;
          await new Promise((done) => setTimeout(done, 3000));
          window.ending = false;
        }
        controller.enqueue(part);
      },
    });
    return new Response(response.body.pipeThrough(late), { status: response.status, headers: response.headers });
  };
"""
"""The stream of events ends, and the page hears of it three seconds later: what a busy machine makes of it."""


@pytest.mark.slow
def test_what_begins_as_the_stream_of_events_ends_is_not_lost(context: BrowserContext, server: Server) -> None:
    context.add_init_script(LATE_END)
    page = context.new_page()
    visit(page, server)
    page.get_by_role("radio", name="GAN").check()
    expect(page.locator("#lab-about")).to_contain_text("play against each other", timeout=15_000)
    page.wait_for_function("window.ending", timeout=60_000)
    page.click("#lab-make")
    assert page.evaluate("window.ending")
    expect(page.locator("#lab-made img")).to_be_visible(timeout=30_000)


def test_a_choice_that_arrives_after_its_list_has_changed(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    late: list[Route] = []

    def hold(route: Route) -> None:
        data = json.loads(route.request.post_data or "{}").get("data")
        if not late and data and data[:2] == ["diffusion", "fill"]:
            late.append(route)
        else:
            route.continue_()

    page.route("**/queue/join*", hold)
    visit(page, server)
    for _ in range(100):
        if late:
            break
        page.wait_for_timeout(100)
    page.get_by_role("radio", name="VAE").check()
    expect(page.locator("#lab-look label").first).to_have_text(looks("vae")[0].title, timeout=15_000)
    with page.expect_response("**/queue/join*"):
        late[0].continue_()
    page.click("#lab-make")
    expect(page.locator("#lab-made img")).to_have_attribute("alt", "What the VAE makes", timeout=60_000)
    assert page.locator(".toast-body").all_inner_texts() == []


def test_a_choice_ends_what_runs_and_the_next_begins(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    visit(page, server)
    settle(page)
    begin_long(page)
    for name in ("VAE", "GAN"):  # the last choice counts
        page.get_by_role("radio", name=name).check()
    page.click("#lab-make")  # held until what ran has ended
    expect(page.locator("#lab-made img")).to_have_attribute("alt", "What the GAN makes", timeout=60_000)


def test_buttons_are_held_until_the_last_choice_is_answered(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    page.add_init_script(LATE)
    visit(page, server)
    settle(page)
    about, make = page.locator("#lab-about"), page.locator("#lab-make")
    begin_long(page)
    page.evaluate("window.late = {join: 2000, cancel: 3000}")  # what runs ends after the first choice is answered
    for name in ("VAE", "GAN"):
        page.get_by_role("radio", name=name).check()
    expect(make).to_be_disabled()
    for _ in range(150):
        held = make.is_disabled()
        if "Two networks play" in about.inner_text():
            break
        assert held
        page.wait_for_timeout(100)
    expect(about).to_contain_text("Two networks play against each other")
    expect(make).to_be_enabled(timeout=15_000)


def test_what_is_pressed_as_the_page_opens_is_done(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    page.add_init_script(f"{LATE} window.late = {{join: 1500}};")  # the page has still to hear which weights there are
    page.goto(f"{server.url}lab")
    page.click("#lab-make")
    expect(page.locator("#lab-made img")).to_be_visible(timeout=30_000)
    expect(page.locator(".toast-body")).to_have_count(0)


def test_what_is_chosen_as_the_page_opens_stays(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    page.add_init_script(f"{LATE} window.late = {{join: 1500}};")
    page.goto(f"{server.url}lab")
    page.get_by_role("radio", name="VAE").check()
    expect(page.locator("#lab-about")).to_contain_text("A map of all pictures", timeout=15_000)
    page.wait_for_timeout(2000)  # whatever the page asked for as it opened is there
    expect(page.locator("#lab-about")).to_contain_text("A map of all pictures")
    expect(page.locator("#lab-look-paint")).not_to_be_visible()


def test_what_takes_long_says_how_far_it_is_and_stops(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    visit(page, server)
    settle(page)
    expect(page.locator("#lab-film")).to_have_text("How they come to be")
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator("#lab-to-paint")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 800})
    begin_long(page)
    expect(page.locator("#lab-made")).to_contain_text(re.compile(r"Step \d+ of 900, .* to go"), timeout=60_000)
    page.click("#lab-make-stop")
    expect(page.locator("#lab-made")).to_have_text("", timeout=15_000)
    expect(page.locator("#lab-make-stop")).not_to_be_visible()
    page.fill("#lab-steps input", "2")
    settle(page)
    page.click("#lab-make")
    expect(page.locator("#lab-made img")).to_be_visible(timeout=60_000)
    expect(page.locator("#lab-make-stop")).not_to_be_visible(timeout=15_000)
    page.get_by_role("radio", name="GAN").check()
    expect(page.locator("#lab-film")).to_have_text("Draw after draw", timeout=15_000)


def test_one_brings_a_text_and_trains_on_it(context: BrowserContext, server: Server, tmp_path: Path) -> None:
    page = context.new_page()
    visit(page, server)
    settle(page)
    page.get_by_role("radio", name="Recurrent network").check()
    expect(page.locator("#lab-data input")).to_have_value(re.compile("Tales"), timeout=15_000)
    text = tmp_path / "mine.txt"
    text.write_text("too short")
    choose_file(page, "#lab-own", text)
    expect(page.locator(".toast-body")).to_contain_text("has 9 characters", timeout=30_000)
    text.write_text("all work and no play. " * 200)
    settle(page)
    choose_file(page, "#lab-own", text)
    expect(page.locator("#lab-train")).to_be_enabled(timeout=30_000)  # held while what is brought is read
    expect(page.locator("#lab-data input")).to_have_value("Yours: mine.txt")
    page.fill("#lab-train-steps input", "3")
    settle(page)
    before = page.locator("#lab-list .run").count()
    page.click("#lab-train")
    expect(page.locator("#lab-list .run")).to_have_count(before + 1, timeout=30_000)
    card = page.locator("#lab-list .run").first
    expect(card).to_contain_text("on mine.txt", timeout=30_000)
    expect(card).to_contain_text("finished", timeout=90_000)


@pytest.mark.slow
def test_a_painted_hole_is_filled_in_an_own_picture(context: BrowserContext, server: Server, tmp_path: Path) -> None:
    page = context.new_page()
    visit(page, server)
    (tmp_path / "no.png").write_bytes(b"no picture")
    settle(page)
    choose_file(page, "#lab-look-picture", tmp_path / "no.png")
    expect(page.locator(".toast-body")).to_contain_text("no picture that can be read", timeout=15_000)
    Image.new("RGB", (50, 80), "white").save(tmp_path / "white.png")
    choose_file(page, "#lab-look-picture", tmp_path / "white.png")
    expect(page.locator("#lab-look-picture-seen img")).to_be_visible(timeout=30_000)
    settle(page)
    canvas = page.locator("#lab-look-paint canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle[0] - 60, middle[1])
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1], steps=8)
    page.mouse.up()
    settle(page)
    page.click("#lab-look-go")
    shown = page.locator("#lab-look-shown img")
    expect(shown).to_be_visible(timeout=90_000)
    data = str(shown.get_attribute("src")).partition(",")[2]
    sheet = Image.open(io.BytesIO(b64decode(data))).convert("L")
    left = sheet.crop((86, 0, 170, 84)).getcolors()  # the second picture: grey where it was painted, else white
    assert left and {value for _, value in left} == {128, 255}


@pytest.mark.slow
def test_makers_are_measured_at_the_first_click(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    visit(page, server)
    page.get_by_role("tab", name="Face-off").click()
    page.get_by_role("button", name="More settings").last.click()
    page.fill("#faceoff-count input", "100")
    settle(page)
    page.click("#faceoff-go")
    shown = page.locator("#faceoff-shown")
    makers = [each.title for each in SHIPPED if each.makes == "pictures"]
    expect(shown.locator("tbody").first).to_contain_text(makers[-1], timeout=200_000)
    expect(shown).to_contain_text("a map to walk on")
    assert shown.locator("svg.plot").first.locator("circle").count() == len(makers)
    expect(shown.locator("figcaption").filter(has_text="Laplacian")).to_be_visible()
    assert shown.locator("svg.bars rect").count() == 1 + len(makers)
    arrow = page.locator("#faceoff-about line").first.get_attribute("marker-end") or ""
    assert page.locator("#faceoff-about marker").get_attribute("id") == arrow.removeprefix("url(#").removesuffix(")")
    sheets = shown.locator(".sheets figure")
    tops = "figures => new Set(figures.map(figure => Math.round(figure.getBoundingClientRect().top))).size"
    assert sheets.count() == 1 + len(makers) and sheets.evaluate_all(tops) == 1  # beside each other
    page.set_viewport_size({"width": 390, "height": 800})
    assert sheets.evaluate_all(tops) == (2 + len(makers)) // 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 390  # the table scrolls, not the page


def test_four_eras_judge_a_sentence(context: BrowserContext, server: Server, tmp_path: Path) -> None:
    page = context.new_page()
    visit(page, server)
    page.get_by_role("tab", name="Four eras").click()
    settle(page)
    page.click("#eras-go")
    expect(page.locator("#eras-shown .era")).to_have_count(4, timeout=120_000)
    assert page.locator("#eras-shown mark").count() > 8
    colours = "marks => marks.map(mark => getComputedStyle(mark).backgroundColor)"
    assert "rgba(0, 0, 0, 0)" not in page.locator("#eras-shown mark").evaluate_all(colours)
    page.get_by_role("button", name="On your own rows").click()
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n" + "a good day,1\na bad day,0\n" * 20)
    settle(page)
    page.set_input_files("#eras-test input", rows)
    page.set_input_files("#eras-train input", rows)
    settle(page)
    page.click("#eras-measure-go")
    expect(page.locator("#eras-measured tbody tr")).to_have_count(5, timeout=120_000)
    expect(page.locator("#eras-measured")).to_contain_text("100.0%")


@pytest.mark.slow
def test_a_pipeline_paints_what_is_said(context: BrowserContext, server: Server, tiny_pipeline: Path) -> None:
    page = context.new_page()
    visit(page, server)
    settle(page)
    page.click("#lab-to-paint")
    expect(page.locator("#paint-prompt textarea")).to_have_value(re.compile("lighthouse"), timeout=15_000)
    page.fill("#paint-prompt textarea", "")
    settle(page)
    page.click("#paint-go")
    expect(page.locator(".toast-body").first).to_contain_text("there are no words", timeout=30_000)
    page.fill("#paint-prompt textarea", "a <b>cat</b>")
    page.get_by_role("button", name="More settings").last.click()
    for name, value in (("width", "64"), ("height", "64"), ("steps", "3")):
        page.fill(f"#paint-{name} input", value)
    page.fill("#paint-model textarea, #paint-model input", "no/such-model")
    settle(page)
    page.click("#paint-go")
    expect(page.locator(".toast-body").last).to_contain_text("cannot be loaded", timeout=60_000)
    expect(page.locator("#paint-shown")).to_have_text("")
    page.locator("#paint-model input").click()
    page.get_by_role("option", name="Segmind SSD-1B").click()
    expect(page.locator("#paint-model")).to_contain_text("Apache-2.0", timeout=15_000)
    page.click("#paint-go")
    expect(page.locator(".toast-body").last).to_contain_text("parley models pull ssd-1b", timeout=30_000)
    page.fill("#paint-model textarea, #paint-model input", str(tiny_pipeline))
    settle(page)
    page.click("#paint-go")
    painted = page.locator("#paint-shown img")
    expect(painted).to_have_attribute("alt", "a <b>cat</b>", timeout=90_000)
    assert painted.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    expect(page.locator("#paint-stop")).not_to_be_visible()


def test_what_cannot_be_trained_is_said(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    visit(page, server)
    page.fill("#lab-train-steps input", "0")
    settle(page)
    page.click("#lab-train")
    expect(page.locator(".toast-body")).to_be_visible(timeout=15_000)
