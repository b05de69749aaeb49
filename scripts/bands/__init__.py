"""Measures for the bands of `imgclass_course/exercises`, one module per lesson."""
