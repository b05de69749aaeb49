"""What the lessons stand on and nobody comes to learn: files, folders, the store, engines. It imports no lesson's module."""
