"""An example of every request, shown in the API's description."""

from typing import Any

_ALERT = {
    "status": "firing",
    "labels": {"alertname": "ServiceDown", "service": "web", "severity": "critical"},
    "annotations": {"summary": "web does not answer"},
    "startsAt": "2026-11-21T09:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "6c668a5489aa93b0",
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "AlertmanagerWebhook": {"version": "4", "alerts": [_ALERT]},
    "Analysis": {"service_name": "web", "time_range": "1h"},
    "Assignment": {"assignee": "anna@example.ru"},
    "Call": {
        "id": "2026-11-21/17",
        "caller": "+79161234567",
        "called": "+74950000000",
        "started_at": "2026-11-21T09:00:00Z",
        "missed": True,
    },
    "Comment": {"text": "The provider works on the line until six."},
    "Completion": {"model": "ops", "messages": [{"role": "user", "content": "web does not answer"}], "stream": False},
    "Confirmation": {"code": "the letter's code", "password": "correct horse battery"},
    "Credentials": {"email": "anna@example.ru", "password": "correct horse battery"},
    "Edit": {"args": {"title": "Restart web", "playbook": "- hosts: web\n  tasks: []\n"}},
    "Forgotten": {"email": "anna@example.ru"},
    "HandoffReply": {"text": "Good day! I am looking at your printer now."},
    "JobChange": {"enabled": False},
    "JustCode": {"code": "123456"},
    "JustPassword": {"password": "correct horse battery"},
    "Merge": {"into": "12"},
    "NewIncident": {"title": "The shop is slow", "service": "web", "severity": "high"},
    "NewKey": {"name": "alertmanager", "scopes": ["alerts"], "password": "correct horse battery"},
    "NewRegistration": {"email": "anna@example.ru", "password": "correct horse battery", "name": "Anna", "lang": "en"},
    "NewReport": {"kind": "daily", "day": "2026-11-20"},
    "NewRun": {"text": "web does not answer"},
    "NewSilence": {
        "matchers": [{"name": "service", "op": "=", "value": "web"}],
        "ends_at": "2036-11-21T22:00:00Z",
        "reason": "An upgrade",
    },
    "NewTicket": {"text": "The printer on the second floor jams", "priority": "low"},
    "PasswordChange": {"old": "correct horse battery", "new": "another horse battery"},
    "ProfileChange": {"lang": "ru"},
    "Proof": {"password": "correct horse battery", "code": "123456"},
    "Question": {"question": "How do I connect to the VPN?", "lang": "en"},
    "Rating": {"rating": 5, "comment": "Quick"},
    "RatingByLink": {"token": "the link's secret", "rating": 5},
    "Rejection": {"reason": "Not during the day"},
    "Resend": {"registration": "01a1fdfd-33f6-7258-8a2c-494ca57c18d3"},
    "Reset": {"code": "the letter's code", "password": "another horse battery"},
    "Resolution": {"reason": "The provider repaired the line"},
    "SupportMessage": {"message": "How do I reset my password?", "context": {"page": "/login"}},
    "TakeOver": {"thread": "01a1fdfd-33f6-7258-8a2c-494ca57c18d3", "reason": "The agent goes round in circles"},
    "TestOf": {"recipient": "anna"},
    "TicketChange": {"priority": "high"},
    "TicketComment": {"text": "It is back"},
    "Update": {"update_id": 1},
    "UserChange": {"role": "operator"},
}


def added(document: dict[str, Any]) -> dict[str, Any]:
    """The description of the API with an example in the schema of each request."""
    schemas = document["components"]["schemas"]
    for name, example in EXAMPLES.items():
        schemas[name]["examples"] = [example]
    return document
