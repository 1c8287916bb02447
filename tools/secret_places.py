"""Files whose content is nobody's to read through a tool, by where they lie and what they are called."""

import re

_PLACES = re.compile(
    r"""(?ix)
    /etc/(g?shadow|sudoers|krb5\.keytab|ssl/private|pki/.*/private|ssh/ssh_host)
    | /\.(ssh|gnupg|aws|kube|docker|config/gcloud)/
    | /\.(env|netrc|pgpass|my\.cnf|git-credentials|htpasswd|vault)
    | /proc/
    | /id_(rsa|dsa|ed25519|ecdsa)
    | \.(pem|key|p12|pfx|jks|keystore|kdbx|keytab|ovpn|env)(?![\w.-])
    """
)
_NAMES = re.compile(r"(?i)(secret|credential|passw(or)?d|token)[^/]*$")
_LOG = re.compile(r"(?i)\.log\b[^/]*$")


def may_be_secret(path: str) -> bool:
    """Whether the file looks like a key, a password store or the like; the log of a token service does not."""
    return bool(_PLACES.search(path) or (_NAMES.search(path) and not _LOG.search(path)))
