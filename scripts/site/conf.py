"""Sphinx's configuration of the site; scripts/build_site.py copies it beside the prepared lessons."""

project = "imgclass_course"
author = "imgclass_course contributors"
copyright = author
root_doc = "index"
html_title = "Image classification, a course that is a library"

extensions = ["myst_nb"]
nb_execution_mode = "off"
# The notebooks store no widgets, and a page must not ask another host for anything.
nb_ipywidgets_js = {}
nb_merge_streams = True
# What is folded is what holds the things that were seen.
nb_code_prompt_show = "Show what is asserted"
nb_code_prompt_hide = "Hide what is asserted"
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_theme_options = {
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # the search field is in the sidebar already
}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
