"""Local stand-ins for the world a desk talks to: real servers with real protocols, and faults on request."""

from remit.apps.desk.standins.http import Cut, HttpStandIn, Request, Response
from remit.apps.desk.standins.jira import JiraFault, JiraStandIn
from remit.apps.desk.standins.mail import MailFault, MailStandIn, Received
from remit.apps.desk.standins.webhook import WebhookStandIn

__all__ = [
    "Cut",
    "HttpStandIn",
    "JiraFault",
    "JiraStandIn",
    "MailFault",
    "MailStandIn",
    "Received",
    "Request",
    "Response",
    "WebhookStandIn",
]
