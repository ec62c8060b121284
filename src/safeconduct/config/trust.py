"""Which trust domains are believed, and where their bundles are."""

from __future__ import annotations

from safeconduct.config.keys import Keys


class Trust(Keys, frozen=True, kw_only=True):
    """The keys of one SPIFFE trust domain, from exactly one of these.

    `jwks` and `bundle` are the path of a file or an https URL. The keys of a JWK Set are those for
    JWT-SVIDs; a bundle (SPIFFE Trust Domain and Bundle) may hold X.509 authorities as well, and its
    URL is a bundle endpoint of the profile `https_web` (SPIFFE Federation section 5.2.1).
    `workload_api` is the socket of a SPIFFE Workload API on this machine, as `unix:///path`.
    """

    jwks: str | None = None
    bundle: str | None = None
    workload_api: str | None = None

    @property
    def where(self) -> str:
        """The file, URL or socket."""
        return self.jwks or self.bundle or self.workload_api or ""
