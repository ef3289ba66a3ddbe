"""Trust: whose certificates are believed. It is what the system believes, or what `SSL_CERT_FILE` names."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep theirs, for a Python whose OpenSSL was built to look elsewhere."""


def system_trust(environ: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Make a context that verifies certificates and host names and speaks HTTP/1.1."""
    file, folder = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    if file or folder:
        context = ssl.create_default_context(cafile=file or None, capath=folder or None)
    else:
        paths = ssl.get_default_verify_paths()
        found = paths.cafile or next((bundle for bundle in _BUNDLES if Path(bundle).is_file()), None)
        context = ssl.create_default_context(cafile=found, capath=paths.capath)
    context.set_alpn_protocols(["http/1.1"])
    return context
