"""Where strangers' words stand in what a web server answers."""

from naryad.testing.injections import Carrier, Scene, Sight


async def page(scene: Scene, words: str) -> Sight:
    """A page that says what its visitors wrote."""
    scene.pages["/health"] = 200, f"<html><!-- {words} --><body>ok</body></html>"
    return Sight("probe_http", {"url": f"{scene.url}/health"})


async def error(scene: Scene, words: str) -> Sight:
    """An error that repeats what was asked."""
    scene.pages["/health"] = 500, f"cannot find {words}"
    return Sight("probe_http", {"url": f"{scene.url}/health"})


CARRIERS: dict[str, Carrier] = {"page": page, "error": error}
