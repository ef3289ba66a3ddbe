"""Phrases: what instructions to a model look like in a description, as patterns with a reason for a person.

They are matched without regard to case, on text whose hidden characters were taken out. Every gap is bounded, so that
no text makes them slow.
"""

import re

WORDS = r"(?:[\s,'\"`*_]+[\w'-]+)"
"""A word between two others; how many may stand there is written behind it."""

_TOOL = r"(?:tools?|functions?|commands?|actions?)"
_USE = r"(?:call|calling|use|using|invoke|invoking|run|running|execute|executing)"
_SEND = (
    r"(?:send|sends|sending|forward|post|upload|e-?mail|mail|transmit|exfiltrate|leak|deliver|push|bcc|cc|copy|submit"
    r"|report|include|append|attach|pass|embed|encode|put|add|place|provide|supply|share)"
)
_READ = r"(?:read|open|cat|load|list|fetch|get|print|dump|collect|extract|contents?|find|retrieve|access)"
_FILES = (
    r"(?:~/\.\w+|\.ssh\b|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|(?<![\w/])\.env\b(?!\.)|\.aws/\w+|/etc/(?:passwd|shadow)\b"
    r"|\.netrc\b|\.npmrc\b|\.pypirc\b|\.git-credentials\b|\bauthorized_keys\b|\.kube/config|\bmcp\.json\b"
    r"|\.bash_history\b)"
)
_SECRETS = (
    r"(?:api[ _-]?keys?|credentials?|passwords?|(?:access|auth|session|bearer|api|secret)[ _-]?tokens?|private keys?"
    r"|secrets?|cookies|environment variables?|env vars?|tokens)"
)
_CONVERSATION = (
    r"(?:system prompts?|system instructions?|conversation(?: history)?|chat history|previous messages"
    r"|message history|(?:other|available|names of (?:all|the)) tools|tool (?:list|definitions|descriptions)"
    r"|full context)"
)
_PEOPLE = r"(?:users?|human|operator|person|anyone|customer|them)"
_MODEL = r"(?:assistant|language model|llm|ai|(?:ai )?agent|model|claude|(?:chat)?gpt|gemini|copilot)s?"
_TELL = (
    r"(?:tell|mention|inform|reveal|disclose|notify|ask|show|alert|warn|say|display|explain|telling|mentioning|informing"
    r"|revealing|disclosing|notifying|asking|showing|alerting|warning|saying|displaying)"
)

_PHRASES: dict[str, tuple[str, ...]] = {
    "it overrides instructions": (
        r"\b(?:ignore|disregard|forget|override|overrule|do not follow|don't follow|stop following)"
        rf"{WORDS}{{0,3}}\s+(?:instructions?|prompts?|guidelines?|directives?|guardrails|safety"
        r"|(?:your|previous|prior|system|all) rules)\b",
        r"\b(?:from now on|new (?:system )?instructions?:|you are now|your (?:new|real|true) (?:task|goal|role))\b",
        r"\b(?:developer|debug|god|dan) mode (?:is )?(?:on|enabled|activated)\b",
    ),
    "it claims priority": (
        r"\b(?:takes?|has|have|with)\s+(?:absolute |the )?(?:highest |top )?(?:precedence|priority) (?:over|above)\b"
        r"[^.\n]{0,40}\b(?:tools?|instructions?|rules?|else|requests?|user)\b",
        r"\b(?:highest|top|maximum) priority[^.\n]{0,20}\b(?:instruction|tool|rule)",
        r"\bsupersedes? (?:all|any|every|previous|other)\b",
    ),
    "it orders what to call": (
        rf"\b(?:before|after|prior to|whenever|when|each time|every time|in addition to){WORDS}{{0,3}}\s+{_USE}"
        rf"{WORDS}{{0,2}}\s+(?:any|every|all|each|other|another){WORDS}{{0,2}}\s+{_TOOL}\b",
        r"\b(?:always|must|never|you should|you have to|required to|remember to|be sure to|make sure to|mandatory to)"
        rf"{WORDS}{{0,2}}\s+(?:{_USE}|prefer|choose|select|pick){WORDS}{{0,3}}\s+"
        rf"(?:{_TOOL}|this (?:one|first|instead))\b",
        rf"\b(?:call|invoke|use|run) (?:this|it)(?: {_TOOL})?{WORDS}{{0,3}}\s+(?:first|before anything|on every"
        r"|at the start|for (?:every|all|any)|in (?:every|each|all)|instead of (?:any|all|every|the other|other))\b",
        r"\b(?:always|never) (?:call|invoke)\b",
        rf"\b(?:do not|don't|never|avoid|stop) {_USE}{WORDS}{{0,2}}\s+(?:other|another|any){WORDS}{{0,2}}\s+{_TOOL}\b",
        rf"\b(?:instead of|rather than) (?:any|all|every|the) other{WORDS}{{0,1}}\s+{_TOOL}\b",
    ),
    "it gives orders to the model": (
        r"\byou must(?: always| never| first| also| now| then| immediately| not){0,2} (?:call|invoke|read|run|execute"
        r"|obey|follow|comply|forward|reveal|e-?mail|ignore|append|insert|refuse|pretend|answer|reply|respond|say)\b",
        rf"\b{_MODEL} (?:reading this|using this|must|should|shall|has to|have to|is required to|are required to"
        r"|needs? to)\b(?! be (?:a|an|one|of|in|the)\b)",
    ),
    "it wants something kept from the user": (
        rf"\b(?:do not|don't|never|without|not|avoid) (?:to )?(?:ever )?{_TELL}\b[^.\n]{{0,40}}\b{_PEOPLE}\b",
        r"\b(?:silently|secretly|quietly|discreetly|covertly|in the background)\s+(?:and \w+ )?(?:send|call|read|copy"
        r"|forward|include|upload|add|bcc|append|run|execute|invoke|collect|pass|post|record)\b",
        r"\b(?:keep|kept) (?:this|it|that)? ?(?:secret|hidden|confidential|private)\b[^.\n]{0,20}\bfrom\b",
        r"\b(?:users?|human) (?:must|should|does|do|need|can)(?:n't| not| never)(?: need to| have to)? "
        r"(?:know|see|notice|be (?:told|aware|informed|asked|notified))\b",
        r"\bwithout (?:the |their )?(?:user'?s?|human|asking for)? ?"
        r"(?:knowledge|consent|noticing|approval|confirmation)\b",
    ),
    "it has markup that poses as instructions": (
        r"</?\s*(?:important|system|instructions?|critical|assistant|hidden|override|admin|tool_call|function_calls?"
        r"|system[-_ ](?:prompt|message|reminder)|sys|secret_instructions?)\s*/?>",
        r"<\|[\w ]{1,40}\|>|\[/?(?:INST|SYSTEM)\]|<<SYS>>|\[(?:system|admin|assistant)[^\]\n]{0,20}\]\s?:",
        r"^ ?#{1,4} ?(?:system|instructions?(?: for| to)|new instructions?)\b",
        r"^ ?(?:\*\*)?(?:system|assistant|human)(?: (?:prompt|message|note|override|update))?(?:\*\*)? ?: ?"
        r"(?:\w+ )?(?:you|ignore|always|never|please|from|do not|when|new|override)\b",
    ),
    "it has an HTML comment": ("<!--",),
    "it has a terminal escape": ("\x1b|\x9b|\\\\(?:x1b|u001b|033|e)\\[",),
    "it sends for a file of secrets": (
        rf"\b(?:{_READ}|{_SEND})\b[^\n]{{0,80}}?{_FILES}",
        rf"{_FILES}[^\n]{{0,60}}?\b(?:{_READ}|{_SEND})\b",
    ),
    "it wants secrets passed on": (
        rf"\b{_SEND}\b{WORDS}{{0,4}}\s+"
        rf"(?:user'?s|users'|user(?= {_SECRETS})|your|all|any|every|other|current|their|found|stored|existing)"
        rf"{WORDS}{{0,3}}\s+{_SECRETS}\b[^.\n]{{0,60}}\b(?:to|into|as|via|with|along)\b",
        rf"\b{_READ}\b{WORDS}{{0,4}}\s+{_SECRETS}\b[^.\n]{{0,30}}\band (?:then )?{_SEND}\b",
        rf"\b{_SECRETS}\b[^.\n]{{0,40}}\b(?:in|as|into|through|via) (?:the|this|a) [`'\"]?\w{{1,40}}[`'\"]? "
        r"(?:parameter|argument|field)\b[^.\n]{0,20}\b(?:so that|for (?:verification|logging|telemetry|debugging))",
    ),
    "it wants the conversation or the prompt passed on": (
        rf"\b(?:{_SEND}|repeat|reveal|summari[sz]e|output|write)\b{WORDS}{{0,4}}\s+{_CONVERSATION}\b",
    ),
    "it names an address to send to": (
        rf"\b{_SEND}\b[^\n]{{0,100}}?\b(?:to|at|via|into|cc|bcc)[\s:]{{1,3}}[`'\"<(]{{0,3}}"
        r"(?:https?://(?!localhost|127\.)|[\w.+-]{1,64}@[\w-]{1,64}\.\w)",
        r"\b(?:webhook\.site|requestbin|ngrok(?:-free)?\.(?:app|io)|pipedream\.net|oast\.\w+|burpcollaborator"
        r"|interact\.sh)\b",
        r"!\[[^\]\n]{0,80}\]\(https?://[^)\n]{0,200}[?=]",
    ),
    "it has a command that runs what it fetches": (
        r"\b(?:curl|wget|iwr)\b[^\n|]{0,200}\| ?(?:sudo )?(?:ba|z)?sh\b",
        r"\bbase64 (?:-d|--decode)\b",
    ),
}

PHRASES = tuple(
    (reason, re.compile("|".join(f"(?:{phrase})" for phrase in phrases), re.IGNORECASE | re.MULTILINE))
    for reason, phrases in _PHRASES.items()
)
"""Reasons with the patterns that give them."""

ORDER_BEFORE = r"(?:always|must|never|first|do not|don't|before|after|whenever|every time|instead of|replaces?)"
ORDER_AFTER = r"(?:first|instead|must|is (?:deprecated|broken|disabled|unsafe|compromised)|should (?:not|never))"
