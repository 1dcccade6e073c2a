"""The page for those who are not there: read-only, in any browser, behind a token."""

from operando.app.web.page import Page

__all__ = ["Page"]
