"""The HTML report on paper, by WeasyPrint, which is an extra: it needs the system's Pango."""


def pdf(html: str) -> bytes:
    """Raises ValueError with what to install where it is not there."""
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as error:
        raise ValueError(
            f"a PDF needs WeasyPrint ({str(error).splitlines()[0]}): pip install 'rto-rpo-exporter[pdf]', and on Debian "
            f"apt-get install libpango-1.0-0 libpangoft2-1.0-0; or print the HTML report with a browser"
        ) from None
    made = HTML(string=html, url_fetcher=_nothing).write_pdf()
    assert isinstance(made, bytes)
    return made


def _nothing(url: str) -> dict[str, object]:
    """A report needs nothing from anywhere; what would ask for something is refused."""
    raise ValueError(f"a report asks for nothing, but this one asked for {url}")
