"""What a training leaves behind and shows: saved classifiers, reports, TensorBoard's files, the page. Above all lessons."""
