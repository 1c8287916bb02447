"""E-mail addresses in their one normal form, so that no two spellings of one mailbox have two accounts."""

import unicodedata

LONGEST = 254


def normal(text: str) -> str:
    """The address as it is stored, compared and written to: never as somebody typed it.

    Compatibility forms are resolved and letters made small; a domain in another script becomes ASCII, and before the
    @ only ASCII will do: letters of two scripts that look alike would make two addresses that look alike.

    Raises:
        ValueError: This is no address.
    """
    from email_validator import EmailNotValidError, validate_email

    folded = unicodedata.normalize("NFKC", text).strip().lower()
    if len(folded) > LONGEST:
        raise ValueError("the address is too long")
    try:
        found = validate_email(
            folded, check_deliverability=False, allow_smtputf8=False, globally_deliverable=False, strict=True
        )
    except EmailNotValidError as error:
        raise ValueError("this is not an e-mail address") from error
    return (found.ascii_email or found.normalized).lower()
