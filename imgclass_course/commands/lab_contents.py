"""How JupyterLab is given the lessons: as of the Python that runs here, so that opening one does not change it.

JupyterLab writes the version of the running Python into each notebook that it opens, and where another one stood there
it calls the notebook changed, and asks whether to save it. `assets/jupyter_server_config.json` names this class.
"""

import platform
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": platform.python_version(),
}


class LessonContents(AsyncLargeFileManager):
    """Files as always, and notebooks for the kernel of this environment as if they had last been run with it."""

    async def get(self, path: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Return the file or folder `path` as JupyterLab reads it."""
        model = await super().get(path, *arguments, **options)
        metadata = model["content"]["metadata"] if model["type"] == "notebook" and model["content"] else {}
        if metadata.get("kernelspec", {}).get("name") == KERNELSPEC["name"]:
            metadata.update(kernelspec=dict(KERNELSPEC), language_info=dict(LANGUAGE_INFO))
        return model
