"""Sphinx's settings for the course's pages, and what is done to a lesson on its way to a page."""

import sys
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import lesson
from launch import find_repository
from view import as_shown

project, author, language = "Keras by Experiment", "the makers of the course", "en"
smartquotes = False  # as in JupyterLab
extensions = ["myst_nb", "sphinx_copybutton", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["fragments"]
repository = find_repository()

# The pages show the stored outputs: nothing is run.
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = nb_code_prompt_hide = "The code behind this"
nb_render_markdown_format = "commonmark"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_heading_slug_func = "lesson.slug"
copybutton_selector = ".cell_input pre, div.highlight-python pre, div.highlight-console pre"

# What `utils` imports is not installed here, nor are the pages that describe it.
autodoc_mock_imports = ["IPython", "keras", "matplotlib", "numpy", "PIL", "tensorflow"]
autodoc_member_order, toc_object_entries = "bysource", False
nitpick_ignore_regex = [("py:class", r"(?!utils\.).+")]  # what others document, elsewhere

html_theme, html_title, html_show_sphinx = "sphinx_book_theme", project, False
html_static_path, html_css_files = ["static"], ["course.css"]
html_favicon, html_context = "static/icon.svg", {"default_mode": "auto"}
html_sourcelink_suffix = ""  # a lesson is downloaded under its own name
html_copy_source, html_show_copyright = True, False
html_math_renderer = "mathml"
html_theme_options = {
    "repository_url": f"https://github.com/{repository}" if repository else "",
    "use_repository_button": bool(repository),
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "search_bar_text": "Search the course",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def show(app, docname, content):
    """Let a lesson's page show its notebook; what is downloaded stays the lesson's own file."""
    if docname.startswith("notebooks/"):
        content[0] = as_shown(content[0], Path(docname).name, repository)


def describe(app, doctree):
    """Give the pictures of a lesson the alternative texts that are stored with them."""
    if app.env.docname.startswith("notebooks/"):
        texts = lesson.Lesson(Path(app.env.doc2path(app.env.docname))).descriptions
        for image in doctree.findall(nodes.image):
            image["alt"] = texts.get(Path(image["uri"]).stem, image.get("alt", ""))


def write_math(writer, node):
    """Write a formula as MathML, which browsers draw by themselves."""
    if isinstance(node, nodes.math_block):  # wider than a phone, it can be scrolled
        formula = convert(node.astext(), display="block")
        writer.body.append(f'<div class="formula" tabindex="0">{formula}</div>')
    else:
        writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (write_math, None), (write_math, None))
    app.connect("source-read", show)
    app.connect("doctree-read", describe)
