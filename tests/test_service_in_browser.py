"""The page that explains the service, in a real browser: made from its description, and from this server alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PHONE, WIDE, keep_screenshot, open_browser, require_browser, wait_for
from selenium.webdriver.common.by import By
from serving import Server, service


@pytest.fixture(scope="module")
def server(quick_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require_browser()
    with service(quick_folder, tmp_path_factory.mktemp("service") / "log.txt", max_pictures=2) as server:
        yield server


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_page_explains_every_address_and_names_pictures(
    server: Server, pictures: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    words = tmp_path / "<b>words.png"
    words.write_text("words")
    with open_browser(size) as page:
        page.get(f"http://127.0.0.1:{server.port}/docs")
        wait_for(lambda: page.find_elements(By.CSS_SELECTOR, "body[data-ready]"), "description")
        titles = [title.text for title in page.find_elements(By.TAG_NAME, "h3")]
        assert titles[:3] == ["POST/predict", "GET/health", "GET/labels"] and "Named" in titles
        assert "3 classes" in page.find_element(By.ID, "about").text
        chosen = page.find_element(By.ID, "pictures")
        chosen.send_keys(f"{pictures / 'red' / '000.png'}\n{words}")
        rows = wait_for(lambda: page.find_elements(By.CSS_SELECTOR, "#answers tbody tr"), "answers")
        cells = [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in rows]
        assert cells[0][0] == "000.png" and cells[0][1].startswith("red ")
        assert cells[1] == ["<b>words.png", "not a picture but text"]
        wide = page.execute_script("return document.documentElement.scrollWidth - innerWidth")
        keep_screenshot(page, f"service_{size[0]}")
        assert wide <= 0
        chosen.clear()
        chosen.send_keys("\n".join([str(pictures / "red" / f"00{number}.png") for number in range(3)]))
        wait_for(lambda: "2 pictures" in page.find_element(By.ID, "status").text, "the limit")
        script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
        asked = page.execute_script(script)
        assert asked and all(name.startswith(f"http://127.0.0.1:{server.port}/") for name in asked)
        problems = [entry for entry in page.get_log("browser") if "413" not in entry["message"]]
        assert [one for one in problems if "favicon" not in one["message"]] == []
