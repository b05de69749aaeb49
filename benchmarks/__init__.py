"""Side-by-side measurements: this library, a plain Keras loop, and the old `retrain.py`."""
