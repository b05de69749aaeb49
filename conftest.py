"""Kernels that nbval starts inherit this: no progress bar is among the outputs that are compared."""

import os

os.environ["TQDM_DISABLE"] = "1"
